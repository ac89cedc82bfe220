// Lists in pages, the same for every list of the admin API.

import { BrokerError } from "../errors/index.ts";

/** Items in a page whose request does not say how many. */
export const defaultPageSize = 100;
const maxPageSize = 1000;

/** Refuses a page size over 1,000 with REQUEST_INVALID. */
export function checkPageSize(pageSize: number): void {
  if (pageSize <= maxPageSize) return;
  throw new BrokerError("REQUEST_INVALID", `page_size is at most ${maxPageSize}, not ${pageSize}`);
}

/**
 * The page after the item that the token names; the first page for an empty one. `nameOf` gives each item a name that
 * no other has, and `items` are in the list's order. Throws REQUEST_INVALID when no item has the token's name.
 */
export function pageOf<Item>(
  items: readonly Item[],
  nameOf: (item: Item) => string,
  request: { readonly pageSize: number; readonly pageToken: string },
): { readonly items: readonly Item[]; readonly nextPageToken: string } {
  const { pageSize, pageToken } = request;
  const last = pageToken === "" ? -1 : items.findIndex((item) => nameOf(item) === pageToken);
  if (last === -1 && pageToken !== "")
    throw new BrokerError("REQUEST_INVALID", "page_token is of another list, or the list changed: begin again");
  const rest = items.slice(last + 1);
  const page = rest.slice(0, pageSize || defaultPageSize);
  return { items: page, nextPageToken: page.length < rest.length ? nameOf(page.at(-1)!) : "" };
}
