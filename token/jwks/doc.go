// Package jwks fetches the keys that an issuer publishes: a JWK Set (RFC 7517, section
// 5), at a configured URL or at the one that the issuer's metadata names (OpenID Connect
// Discovery 1.0, section 4; RFC 8414, section 3).
//
//	keys, err := jwks.Discover("https://login.example.com/", jwks.Options{})
//	if err != nil { ... }
//	defer keys.Close()
//	verifier, err := token.NewVerifier(keys, token.Options{
//		Issuers:   []string{"https://login.example.com/"},
//		Audiences: []string{"chat"},
//	})
//
// Nothing is fetched until a token needs a key. From then on the set is fetched again
// before it gets old. It is also fetched again, at most once per [Options.MissInterval],
// when a token names a key ID that is not in the set, or was not signed by the key that it
// names. While the issuer cannot be reached, the keys stay in use for [Options.Stale].
// After that, and before the first keys are there, the error is token.ErrKeysUnavailable.
//
// ReadFile reads a JWK Set from a file, which may also contain shared secrets. The
// sections below do not apply to it.
//
// # What is trusted
//
// The URL comes from the configuration, never from a token: no claim and no header becomes
// a part of it. It is https, unless the host is this machine or Options.InsecurePlainHTTP
// is set, and a redirect stays on its origin. The log and errors name only its host, because
// its query may be a secret. Secrets and private keys that an issuer publishes are left out.
//
// # Concurrency
//
// A Set may be used concurrently. It has at most one request under way, on a goroutine
// that ends with the request, and one timer. Close stops both and waits. Times are those
// of the wall clock, which runs while the machine is suspended and may be set.
//
// # Limits
//
// A response has at most 1 MiB, a set at most 100 keys, and a request takes at most 5 s,
// unless Options say otherwise. A token whose key ID is unknown, or that was not signed by
// the key that it names, waits for the next fetch, for up to MissInterval; all such tokens
// share one request. So a new key works at once, also under the ID of the previous key or
// without an ID.
//
// A key that is published twice is one key. Tokens that name a key ID under which
// different keys for their algorithm are published get token.ErrKeysUnavailable. So do
// all tokens while a set has no usable key: such a set withdraws the previous keys at
// once. A response that is not a JWK Set withdraws no key before Stale is over.
package jwks
