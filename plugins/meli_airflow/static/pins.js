// Pinned models. They are part of the address; the browser keeps the last ones for an address without any.

const STORED = "meli.pins";
/** More are not displayed: the server refuses them, and nobody overlooks them. */
export const MOST_PINS = 20;

/**
 * The pins of an address, or else those that this browser kept.
 * @param {URLSearchParams} params
 * @param {Pick<Storage, "getItem">} [storage]
 * @returns {string[]}
 */
export function pinsOf(params, storage = localStorage) {
  if (params.has("pin")) return params.getAll("pin").filter(Boolean).slice(0, MOST_PINS);
  try {
    const kept = JSON.parse(storage.getItem(STORED) ?? "[]");
    return Array.isArray(kept) ? kept.filter((id) => typeof id === "string").slice(0, MOST_PINS) : [];
  } catch {
    return []; // another program wrote something else there
  }
}

/**
 * The pins after a click on the pin of one model.
 * @param {readonly string[]} pins
 * @param {string} id
 */
export const toggled = (pins, id) =>
  pins.includes(id) ? pins.filter((one) => one !== id) : [...pins, id].slice(-MOST_PINS);

/**
 * Keep the pins for the next visit.
 * @param {readonly string[]} pins
 * @param {Pick<Storage, "setItem">} [storage]
 */
export const keepPins = (pins, storage = localStorage) => storage.setItem(STORED, JSON.stringify(pins));
