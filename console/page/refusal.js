// Why somebody is not let in, in words.
import { make } from "./dom.js";

const explanations = {
  token_missing: "There was no token where the server looks for one.",
  token_conflict: "More than one token was shown, and they differ.",
  token_malformed: "What came is no token: three parts of base64url, with JSON in the first two.",
  token_too_large: "What came is longer than any token the server looks at.",
  token_header: "The token's header asks for something that the server does not support.",
  token_unsigned: "The token has no signature, so anybody could have written it.",
  token_algorithm: "The token names another algorithm than the key is for. The key decides, never the token.",
  token_signature: "The signature does not fit the rest: somebody changed the token, or another key made it.",
  token_expired: "The signature is right, but the token's time is over.",
  token_not_active: "The signature is right, but the token's time has not begun.",
  token_too_old: "The signature is right, but the token was issued too long ago.",
  token_issuer: "The signature is right, but the server does not take tokens of this issuer.",
  token_audience: "The signature is right, but the token was made for somebody else than this server.",
  token_claim: "The signature is right, but a claim is missing or of the wrong type.",
  auth_timeout: "No good token came before the deadline.",
  subject_changed: "The token is about somebody else than the one before.",
};

// told is what the server says of a refusal: the payload of a CONNECT_ERROR, or of "unauthorized".
export const told = (payload) => ({ ...payload?.data, message: payload?.message });

// explainRefusal fills an element with the verdict: a headline, what it means, and what the server said, word for word.
export function explainRefusal(element, headline, { message, code, reason, id }) {
  const said = make("dl", "said");
  for (const [name, value] of Object.entries({ message, code, reason, id })) {
    if (value) said.append(make("dt", "", name), make("dd", "", make("code", "", String(value))));
  }
  const explanation = Object.hasOwn(explanations, reason) ? explanations[reason] : "";
  element.replaceChildren(make("p", "headline", headline));
  if (explanation) element.append(make("p", "", explanation));
  element.append(said);
  if (id) element.append(make("p", "hint", "The server's log has the finer cause under that id."));
  element.dataset.verdict = "refused";
  element.hidden = false;
}
