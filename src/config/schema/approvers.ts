// The part `approvers`: whose signatures on grants count.

import { z } from "zod";
import { name, oneOrMore, path } from "./words.ts";

const approver = z
  .strictObject(
    {
      sshKey: path("a file of SSH public keys").describe(
        "Their public keys, as in a `.pub` file of `ssh-keygen`: one a line, Ed25519, ECDSA (P-256, P-384), RSA from 2,048 bits, or of a security key (`-sk`).",
      ),
      identities: oneOrMore(name, "the name of an identity")
        .default([])
        .describe(
          "Identities that they act as themselves: they cannot approve grants for these, or asked for by these.",
        ),
    },
    { error: "expected a map with sshKey" },
  )
  .describe("Somebody whose signature on a grant counts.");

/** Approvers under their names. */
export const approvers = z
  .record(name, approver, { error: "expected a map of approvers, each under a name" })
  .prefault({})
  .describe("Who may approve grants, each under a name: a rule's `grant.from` names them.");
