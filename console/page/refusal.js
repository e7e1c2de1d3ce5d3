// Explanations of refusals.
import { fields, make } from "./dom.js";

const explanations = {
  token_missing: "The server found no token where it looks for one.",
  token_conflict: "The client sent two different tokens.",
  token_malformed: "This is not a JSON Web Token: it must have three parts of base64url, with JSON in the first two.",
  token_too_large: "The token is larger than the server accepts.",
  token_header: "The token's header asks for something that the server does not support.",
  token_unsigned: "The token has no signature, so anyone could have written it.",
  token_algorithm: "The token names another algorithm than that of the server's key. The key decides the algorithm, never the token.",
  token_signature: "The signature does not match: the token was changed or signed with another key, or the server has no such key.",
  token_expired: "The signature is valid, but the token has expired.",
  token_not_active: "The signature is valid, but the token is not valid yet.",
  token_too_old: "The signature is valid, but the token was issued too long ago.",
  token_issuer: "The signature is valid, but the server does not accept tokens of this issuer.",
  token_audience: "The signature is valid, but the token is meant for another audience.",
  token_claim: "The signature is valid, but a claim is missing or has the wrong type.",
  token_revoked: "The token has been revoked.",
  ticket_invalid: "The ticket was used before, has expired, or was not made for this namespace and page.",
  auth_timeout: "No valid token arrived before the deadline.",
  subject_changed: "The token is for another subject than the one before.",
  keys_unavailable: "The server cannot fetch the issuer's keys at the moment. Try again later.",
  auth_unavailable: "The server could not verify the token at the moment. Try again later.",
  overloaded: "The server holds too many sockets at the moment. Try again later.",
};

// told returns the fields of a refusal, from the payload of CONNECT_ERROR or of the event "unauthorized".
export const told = (payload) => ({ ...payload?.data, message: payload?.message });

// explainRefusal fills an element with a headline, an explanation, and the fields that the server sent.
export function explainRefusal(element, headline, { message, code, reason, id, retryAfter }) {
  const said = make("dl", "said");
  fields(said, { message, code, reason, id, retryAfter: retryAfter && `${retryAfter} s` });
  const explanation = Object.hasOwn(explanations, reason) ? explanations[reason] : "";
  element.replaceChildren(make("p", "headline", headline));
  if (explanation) element.append(make("p", "", explanation));
  element.append(said);
  if (id) element.append(make("p", "hint", "The server's log has the exact cause under this id."));
  element.dataset.verdict = "refused";
  element.hidden = false;
}
