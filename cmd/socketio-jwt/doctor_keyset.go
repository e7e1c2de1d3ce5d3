package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"socketiojwt/internal/wirejson"
	"socketiojwt/token"
)

// publishedKey is a key of an issuer's set.
type publishedKey struct {
	number             int    // from 1
	id, kind, use, alg string // kid, kty, use, alg; empty when they are not there, or no strings
	leaked             bool   // it is a secret, or has private parts
	err                error  // why it is left out; nil when it counts
}

// readPublished reads a key of a set, of which the algorithms, or none for all, may
// count.
func readPublished(number int, text json.RawMessage, algorithms []token.Algorithm) publishedKey {
	k := publishedKey{number: number}
	var members map[string]json.RawMessage
	_ = wirejson.Unmarshal(text, &members) // token.JWK says what is wrong
	for name, field := range map[string]*string{"kid": &k.id, "kty": &k.kind, "use": &k.use, "alg": &k.alg} {
		_ = wirejson.Unmarshal(members[name], field)
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} { // RFC 7518, section 6
		_, there := members[private]
		k.leaked = k.leaked || there
	}
	k.err = token.JWK(text, algorithms...).Err()
	if k.leaked && k.err == nil { // a secret is no key of a set
		k.err = fmt.Errorf("%w: a shared secret", token.ErrKey)
	}
	return k
}

// String names the key.
func (k publishedKey) String() string {
	if k.id == "" {
		return fmt.Sprintf("key %d", k.number)
	}
	return fmt.Sprintf("key %d (kid %s)", k.number, quoted(k.id))
}

// encrypts reports whether the key is not meant for signatures.
func (k publishedKey) encrypts() bool {
	return k.use == "enc" || strings.HasPrefix(k.alg, "RSA-OAEP") || strings.HasPrefix(k.alg, "ECDH-ES")
}

// list names keys, not too many.
func list(keys []publishedKey) string {
	const most = 5
	var names []string
	for i, k := range keys {
		if i == most {
			names = append(names, fmt.Sprintf("%d more", len(keys)-most))
			break
		}
		names = append(names, k.String())
	}
	return strings.Join(names, ", ")
}

// those returns the keys of which is is true.
func those(keys []publishedKey, is func(publishedKey) bool) []publishedKey {
	return slices.DeleteFunc(slices.Clone(keys), func(k publishedKey) bool { return !is(k) })
}

func usable(keys []publishedKey) []publishedKey {
	return those(keys, func(k publishedKey) bool { return k.err == nil })
}

// keysAreUsable tells which keys count, and why others do not.
func keysAreUsable(a *asked) (found []finding) {
	if a.set == nil || !a.set.complete() || a.unread {
		return nil
	}
	switch good := usable(a.keys); {
	case a.listed > maxKeys:
		return fail("Let the issuer take out keys that it no longer signs with: until then every token of it is told to come again.", "the issuer publishes %d keys, and serve takes no set of more than %d", a.listed, maxKeys)
	case len(a.keys) == 0:
		return fail("Look at the issuer's settings: until there are keys, every token of it is told to come again.", "the issuer publishes no keys")
	case len(good) == 0:
		found = fail("Every token of this issuer is told to come again: look at the reasons below, at the issuer's settings, and at --alg.", "of its %s none can be used", amount(len(a.keys), "key"))
	default:
		found = ok("of its %s %d can be used: %s", amount(len(a.keys), "key"), len(good), list(good))
	}
	if silent := those(usable(a.keys), func(k publishedKey) bool { return k.alg == "" }); len(silent) > 0 && len(a.algorithms) == 0 {
		found = append(found, ok("%s without alg: good for each algorithm of their kind; --alg narrows that", amount(len(silent), "key"))...)
	}
	if others := those(a.keys, func(k publishedKey) bool { return k.err != nil && !k.leaked && k.encrypts() }); len(others) > 0 {
		found = append(found, ok("left out, being for encryption: %s", list(others))...)
	}
	const most = 5 // of each kind: of a hundred one need not hear
	narrowed, unfit := 0, 0
	for _, k := range a.keys {
		switch {
		case k.err == nil || k.leaked || k.encrypts():
		case len(a.algorithms) > 0 && k.alg != "" && k.alg != string(a.algorithms[0]):
			if narrowed++; narrowed > most {
				continue
			}
			found = append(found, ok("%s is for %s, and left out because of --alg", k, quoted(k.alg))...)
		default:
			if unfit++; unfit > most {
				continue
			}
			found = append(found, warn("If the issuer signs with it, tokens are refused: it has to be RSA of 2048 bits or more, EC or Ed25519, and well formed.", "%s is left out: %s", k, plain(k.err))...)
		}
	}
	return found
}

// keysAreNotLeaked looks for what nobody may publish.
func keysAreNotLeaked(a *asked) []finding {
	leaked := those(a.keys, func(k publishedKey) bool { return k.leaked })
	if len(leaked) == 0 {
		return nil
	}
	return fail("Tell the issuer's people at once: whoever read it can sign tokens for anybody. Trust no token of this issuer until that key is gone; serve leaves it out.",
		"the issuer PUBLISHES a private key or a shared secret: %s", list(leaked))
}

// keysHaveIDs looks for keys that tokens cannot name.
func keysHaveIDs(a *asked) []finding {
	nameless := those(usable(a.keys), func(k publishedKey) bool { return k.id == "" })
	if len(nameless) == 0 {
		return nil
	}
	return warn("Let the issuer give each key a kid, and name it in tokens.",
		"%s without an ID (kid): a new key is noticed only when the set is fetched again, and with two of a kind tokens are refused", amount(len(nameless), "key"))
}

// idsAreUnique looks for keys that tokens cannot tell apart.
func idsAreUnique(a *asked) []finding {
	var twins []publishedKey
	good := usable(a.keys)
	for i, k := range good {
		twin := func(other publishedKey) bool {
			return k.id != "" && other.id == k.id && other.kind == k.kind && (other.alg == k.alg || other.alg == "" || k.alg == "")
		}
		if slices.ContainsFunc(good[:i], twin) {
			twins = append(twins, k)
		}
	}
	if len(twins) == 0 {
		return nil
	}
	return fail("Let the issuer give each key a kid of its own.",
		"tokens are refused that name a key by the ID of another key for the same algorithm: %s", list(twins))
}

// setIsSmall looks at how near the set is to what package jwks takes: maxReply and
// maxKeys.
func setIsSmall(a *asked) []finding {
	const manyKeys, manyBytes = 50, 512 << 10
	if a.set == nil || a.listed <= manyKeys && a.set.body.Len() <= manyBytes {
		return nil
	}
	return warn("Let the issuer take out keys that it no longer signs with.",
		"the set has %s in %d bytes; serve takes no more than 100 in 1 MiB", amount(a.listed, "key"), a.set.body.Len())
}
