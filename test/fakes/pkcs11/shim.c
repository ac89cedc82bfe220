/*
 * A PKCS#11 library before another one: it passes calls on, writes down those that wrap and unwrap, and fails or lies
 * as the file `control` in the folder SHIM_FOLDER says: a word, or nothing. SHIM_LIBRARY is the library behind it.
 *
 * A line of the file `log`: the process, the function, what it answered, the fault that it met or `-`, and `known` for
 * a call whose associated data is not a binding's.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <pkcs11/pkcs11.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static CK_FUNCTION_LIST list;
static CK_FUNCTION_LIST *behind;
/* What each session's operation is for. */
static int knownOf[4096];
static __thread int known;

static const char *path(const char *name) {
  static __thread char text[2][1024];
  static __thread int turn;
  turn = 1 - turn;
  snprintf(text[turn], sizeof text[turn], "%s/%s", getenv("SHIM_FOLDER"), name);
  return text[turn];
}

static const char *fault(void) {
  static __thread char word[64];
  int file = open(path("control"), O_RDONLY);
  ssize_t length = file < 0 ? 0 : read(file, word, sizeof word - 1);
  if (file >= 0) close(file);
  word[length < 0 ? 0 : length] = 0;
  return word;
}

static int is(const char *word) { return strcmp(fault(), word) == 0; }

static CK_RV note(const char *function, CK_RV answer, const char *met) {
  char line[160];
  int length = snprintf(line, sizeof line, "%d %s %lx %s %s\n", getpid(), function, answer, *met ? met : "-",
                        known ? "known" : "bound");
  int file = open(path("log"), O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (file >= 0) {
    if (write(file, line, length) < 0) abort();
    close(file);
  }
  return answer;
}

/* What every call that reaches the device meets. 0: go on. */
static CK_RV met(const char *function) {
  const char *word = fault();
  if (!strcmp(word, "hang")) {
    note(function, 0, "hang");
    for (;;) pause();
  }
  if (!strcmp(word, "slow")) usleep(200 * 1000);
  if (!strcmp(word, "crash")) {
    note(function, 0, "crash");
    unlink(path("control"));
    kill(getpid(), SIGKILL);
  }
  if (!strcmp(word, "reset")) return note(function, CKR_DEVICE_REMOVED, word);
  if (!strcmp(word, "busy")) return note(function, CKR_DEVICE_MEMORY, word);
  if (!strcmp(word, "broken")) return note(function, CKR_DEVICE_ERROR, word);
  if (!strcmp(word, "expired")) return note(function, CKR_USER_NOT_LOGGED_IN, word);
  if (!strcmp(word, "forbidden")) return note(function, CKR_ACTION_PROHIBITED, word);
  return CKR_OK;
}

static void spoil(CK_BYTE_PTR bytes, CK_ULONG_PTR length, int decrypted) {
  if (!bytes) return;
  if (is("flip")) bytes[5] ^= 1;
  if (is("short") && *length > 8) *length -= 8;
  if (is("another") && decrypted)
    for (CK_ULONG i = 0; i < *length; i++) bytes[i] = (CK_BYTE)rand();
}

static void remember(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism) {
  CK_GCM_PARAMS *parameters = mechanism->pParameter;
  const char *ours = "keybroker/1;suite=";
  knownOf[session % 4096] = known = !(mechanism->mechanism == CKM_AES_GCM && parameters->ulAADLen > strlen(ours) &&
            !memcmp(parameters->pAAD, ours, strlen(ours)));
}

static CK_RV encryptInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
  remember(session, mechanism);
  CK_RV answer = met("EncryptInit");
  return answer ? answer : behind->C_EncryptInit(session, mechanism, key);
}

static CK_RV decryptInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
  remember(session, mechanism);
  CK_RV answer = met("DecryptInit");
  if (answer) return answer;
  answer = behind->C_DecryptInit(session, mechanism, key);
  return answer ? note("DecryptInit", answer, fault()) : answer;
}

static CK_RV encrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR out, CK_ULONG_PTR room) {
  known = knownOf[session % 4096];
  CK_RV answer = behind->C_Encrypt(session, data, length, out, room);
  if (!answer) spoil(out, room, 0);
  return note("Encrypt", answer, fault());
}

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR out, CK_ULONG_PTR room) {
  known = knownOf[session % 4096];
  CK_RV answer = behind->C_Decrypt(session, data, length, out, room);
  if (!answer) spoil(out, room, 1);
  return note("Decrypt", answer, fault());
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length) {
  known = 1;
  if (is("expired")) return note("Login", CKR_PIN_EXPIRED, "expired");
  return note("Login", behind->C_Login(session, user, pin, length), fault());
}

static CK_RV slots(CK_BBOOL present, CK_SLOT_ID_PTR slot, CK_ULONG_PTR count) {
  known = 1;
  if (slot) note("GetSlotList", 0, fault());
  return behind->C_GetSlotList(present, slot, count);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR answer) {
  if (!behind) {
    void *library = dlopen(getenv("SHIM_LIBRARY"), RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList ask = library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : NULL;
    if (!ask || ask(&behind)) return CKR_GENERAL_ERROR;
    list = *behind;
    list.C_EncryptInit = encryptInit;
    list.C_DecryptInit = decryptInit;
    list.C_Encrypt = encrypt;
    list.C_Decrypt = decrypt;
    list.C_Login = login;
    list.C_GetSlotList = slots;
  }
  *answer = &list;
  return CKR_OK;
}
