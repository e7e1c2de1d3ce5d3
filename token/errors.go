package token

import "errors"

// The reasons for which a token is refused, or a key or an option is no good.
// Every error of this package matches exactly one of them with errors.Is. Their
// texts, and those of the errors that wrap them, hold no token and no secret; of the
// claims at most iss and aud, or what stands for aud, for the log rather than for the peer.
var (
	// ErrMalformed says that the string is no JWT in compact serialization:
	// not three parts, not strict base64url, not strict JSON, a duplicate member.
	ErrMalformed = errors.New("token: malformed")
	// ErrTooLarge says that the token is longer than Options.MaxSize.
	ErrTooLarge = errors.New("token: too large")
	// ErrUnsigned says that the token has no signature, or calls itself unsigned.
	ErrUnsigned = errors.New("token: not signed")
	// ErrHeader says that a header parameter cannot be accepted: a critical
	// extension, a wrong type, a key ID with control characters.
	ErrHeader = errors.New("token: header not accepted")
	// ErrAlgorithm says that the header names an algorithm which the key is not for.
	ErrAlgorithm = errors.New("token: algorithm does not fit the key")
	// ErrSignature says that the signature was not made by the key.
	ErrSignature = errors.New("token: signature invalid")

	// ErrExpired says that exp lies in the past. Like all that follow down to
	// ErrClaim it is said of a token whose signature is valid, and of no other
	// unless a KeyFunc returns it.
	ErrExpired = errors.New("token: expired")
	// ErrNotYetValid says that nbf lies in the future, or iat with a MaxAge.
	ErrNotYetValid = errors.New("token: not yet valid")
	// ErrMaxAge says that iat is longer ago than Options.MaxAge.
	ErrMaxAge = errors.New("token: older than the maximum age")
	// ErrIssuer says that iss is none of Options.Issuers.
	ErrIssuer = errors.New("token: issuer not accepted")
	// ErrAudience says that aud, or Options.AudienceClaim, has none of
	// Options.Audiences, and none that Options.AudiencePattern matches.
	ErrAudience = errors.New("token: audience not accepted")
	// ErrSubject says that sub is not Options.Subject.
	ErrSubject = errors.New("token: subject not accepted")
	// ErrID says that jti is not Options.ID.
	ErrID = errors.New("token: JWT ID not accepted")
	// ErrNonce says that nonce is not Options.Nonce.
	ErrNonce = errors.New("token: nonce not accepted")
	// ErrType says that typ is not what Options.Type asks for.
	ErrType = errors.New("token: type not accepted")
	// ErrClaimMissing says that a claim which has to be there is not.
	ErrClaimMissing = errors.New("token: claim missing")
	// ErrClaim says that a claim has the wrong type, is out of range, is not what
	// Options.Claims ask for, or is one of Options.Absent.
	ErrClaim = errors.New("token: claim not usable")
	// ErrRevoked says that the issuer or the program has revoked the token, or that it is
	// not active (RFC 7662, section 2.2). A Verifier of this package never returns it. It
	// is for code that wraps one, or that verifies other credentials.
	ErrRevoked = errors.New("token: revoked")

	// ErrKeyNotFound says that there is no key for this token. A KeyFunc returns
	// it, wrapped or bare, for a token that it has no key for.
	ErrKeyNotFound = errors.New("token: no key for this token")
	// ErrKey says that a key cannot be used: it is malformed, too short, a
	// private key, no key at all. It is a fault of the configuration or of a
	// KeyFunc, never of the token.
	ErrKey = errors.New("token: key not usable")
	// ErrKeysUnavailable says that keys could not be fetched now, or that there was no time
	// to verify with them. The token may be good: the peer should come again.
	ErrKeysUnavailable = errors.New("token: keys not available now")
	// ErrOptions says that Options contradict each other or the keys.
	ErrOptions = errors.New("token: options not usable")
)

// sentinels are all of the above, to tell our errors from others.
var sentinels = []error{
	ErrMalformed, ErrTooLarge, ErrUnsigned, ErrHeader, ErrAlgorithm, ErrSignature,
	ErrExpired, ErrNotYetValid, ErrMaxAge, ErrIssuer, ErrAudience, ErrSubject,
	ErrID, ErrNonce, ErrType, ErrClaimMissing, ErrClaim, ErrRevoked, ErrKeyNotFound,
	ErrKey, ErrKeysUnavailable, ErrOptions,
}
