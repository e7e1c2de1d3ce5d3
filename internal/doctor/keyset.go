package doctor

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
	number    int    // from 1
	id        string // kid; empty if there is none
	key       token.Key
	usable    bool
	malformed error // nil if --alg or the purpose of the key leaves it out
	leaked    bool  // it is a shared secret, or has private parts
}

// readKey reads a key of a set. It can be used if it is for one of algorithms; nil means
// all.
func readKey(number int, text json.RawMessage, algorithms []token.Algorithm) publishedKey {
	k := publishedKey{number: number, key: token.JWK(text, algorithms...)}
	var members map[string]json.RawMessage
	_ = wirejson.Unmarshal(text, &members) // token.JWK reports errors
	var use, alg string
	for name, field := range map[string]*string{"kid": &k.id, "use": &use, "alg": &alg} {
		_ = wirejson.Unmarshal(members[name], field)
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} { // RFC 7518, section 6
		_, there := members[private]
		k.leaked = k.leaked || there
	}
	k.usable = k.key.Err() == nil && !k.leaked
	encrypts := use == "enc" || strings.HasPrefix(alg, "RSA-OAEP") || strings.HasPrefix(alg, "ECDH-ES")
	if !k.usable && !k.leaked && !encrypts {
		k.malformed = token.JWK(text).Err()
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

// list names at most five keys.
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

// filter returns the keys for which f is true.
func filter(keys []publishedKey, f func(publishedKey) bool) []publishedKey {
	return slices.DeleteFunc(slices.Clone(keys), func(k publishedKey) bool { return !f(k) })
}

func usable(keys []publishedKey) []publishedKey {
	return filter(keys, func(k publishedKey) bool { return k.usable })
}

// keysAreWellFormed finds keys that no algorithm can use.
func keysAreWellFormed(a *asked) []Finding {
	bad := filter(a.keys, func(k publishedKey) bool { return k.malformed != nil })
	if len(bad) == 0 {
		return nil
	}
	return warn("If the issuer signs with one of them, its tokens are refused: a key must be RSA of 2048 bits or more, EC or Ed25519, and well formed.",
		"%s cannot be used: %s; the first because: %s", Count(len(bad), "key"), list(bad), Plain(bad[0].malformed))
}

// keysAreNotLeaked finds secrets that the issuer publishes. serve does not use them.
func keysAreNotLeaked(a *asked) []Finding {
	leaked := filter(a.keys, func(k publishedKey) bool { return k.leaked })
	if len(leaked) == 0 {
		return nil
	}
	return fail("Tell the operator of the issuer at once: anyone who read it can sign as any user. Trust no token of this issuer until the key is replaced.",
		"the issuer PUBLISHES a private key or a shared secret: %s", list(leaked))
}

// keysHaveIDs finds keys that tokens cannot name.
func keysHaveIDs(a *asked) []Finding {
	nameless := filter(usable(a.keys), func(k publishedKey) bool { return k.id == "" })
	if len(nameless) == 0 {
		return nil
	}
	return warn("Let the issuer give each key a kid, and name it in its tokens.",
		"%s without an ID (kid): a new key is noticed only when the set is fetched again, and if two keys fit a token, it is refused", Count(len(nameless), "key"))
}

// idsAreUnique finds different keys for one algorithm that share an ID.
func idsAreUnique(a *asked) []Finding {
	var twins []publishedKey
	good := usable(a.keys)
	for i, k := range good {
		if k.id != "" && slices.ContainsFunc(good[:i], func(other publishedKey) bool {
			return other.id == k.id && !other.key.SamePublicKey(k.key) && slices.ContainsFunc(k.key.Algorithms(), other.key.IsFor)
		}) {
			twins = append(twins, k)
		}
	}
	if len(twins) == 0 {
		return nil
	}
	return fail("Let the issuer give each key a kid of its own.",
		"different keys for one algorithm share an ID, and tokens that name it are refused: %s", list(twins))
}
