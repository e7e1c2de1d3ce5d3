package token

import "errors"

// The reasons for which a token is refused, or a key or an option cannot be used. Every
// error of this package matches exactly one of them with errors.Is. Their texts, and the
// texts of the errors that wrap them, contain no token and no secret. They may contain iss
// and aud (or Options.AudienceClaim), and no other claims; they are for logs, not for the
// peer.
var (
	// ErrMalformed says that the string is not a JWT in compact serialization: it does not
	// have three parts, or is not strict base64url or strict JSON, or has a duplicate member.
	ErrMalformed = errors.New("token: malformed")
	// ErrTooLarge says that the token is longer than Options.MaxSize.
	ErrTooLarge = errors.New("token: too large")
	// ErrUnsigned says that the token has no signature, or that its alg is "none".
	ErrUnsigned = errors.New("token: not signed")
	// ErrHeader says that a header parameter is not accepted: a critical extension, a
	// parameter of the wrong type, or a key ID with control characters.
	ErrHeader = errors.New("token: header not accepted")
	// ErrAlgorithm says that the key is not for the algorithm that the header names.
	ErrAlgorithm = errors.New("token: algorithm does not fit the key")
	// ErrSignature says that the signature was not made by the key.
	ErrSignature = errors.New("token: signature invalid")

	// ErrExpired says that exp is in the past. A Verifier returns ErrExpired and the
	// errors below, up to ErrClaim, only for a token whose signature is valid, unless a
	// KeyFunc returns them.
	ErrExpired = errors.New("token: expired")
	// ErrNotYetValid says that nbf is in the future, or that iat is and MaxAge is set.
	ErrNotYetValid = errors.New("token: not yet valid")
	// ErrMaxAge says that the token was issued (iat) longer ago than Options.MaxAge.
	ErrMaxAge = errors.New("token: older than the maximum age")
	// ErrIssuer says that iss is not one of Options.Issuers.
	ErrIssuer = errors.New("token: issuer not accepted")
	// ErrAudience says that aud, or Options.AudienceClaim, contains none of
	// Options.Audiences, and no value that Options.AudiencePattern matches.
	ErrAudience = errors.New("token: audience not accepted")
	// ErrSubject says that sub is not Options.Subject.
	ErrSubject = errors.New("token: subject not accepted")
	// ErrID says that jti is not Options.ID.
	ErrID = errors.New("token: JWT ID not accepted")
	// ErrNonce says that nonce is not Options.Nonce.
	ErrNonce = errors.New("token: nonce not accepted")
	// ErrType says that typ is not the one that Options.Type requires.
	ErrType = errors.New("token: type not accepted")
	// ErrClaimMissing says that a required claim is missing.
	ErrClaimMissing = errors.New("token: claim missing")
	// ErrClaim says that a claim has the wrong type, is out of range, does not have the
	// value in Options.Claims, or is one of Options.Absent.
	ErrClaim = errors.New("token: claim not usable")
	// ErrRevoked says that the issuer or the program has revoked the token, or that it is
	// not active (RFC 7662, section 2.2). A Verifier of this package never returns it. It
	// is for code that wraps one, or that verifies other credentials.
	ErrRevoked = errors.New("token: revoked")

	// ErrKeyNotFound says that there is no key for this token. A KeyFunc that has no key
	// for a token returns it, wrapped or bare.
	ErrKeyNotFound = errors.New("token: no key for this token")
	// ErrKey says that a key cannot be used: it is malformed, too short, a private key, or
	// not a key. The fault is in the configuration or in a KeyFunc, never in the token.
	ErrKey = errors.New("token: key not usable")
	// ErrKeysUnavailable says that keys could not be fetched now, or that ctx was done
	// before the token was verified. The token may be good: the peer should try again.
	ErrKeysUnavailable = errors.New("token: keys not available now")
	// ErrOptions says that Options contradict each other or the keys.
	ErrOptions = errors.New("token: options not usable")
)

// sentinels are the errors above, to distinguish the errors of this package from others.
var sentinels = []error{
	ErrMalformed, ErrTooLarge, ErrUnsigned, ErrHeader, ErrAlgorithm, ErrSignature,
	ErrExpired, ErrNotYetValid, ErrMaxAge, ErrIssuer, ErrAudience, ErrSubject,
	ErrID, ErrNonce, ErrType, ErrClaimMissing, ErrClaim, ErrRevoked, ErrKeyNotFound,
	ErrKey, ErrKeysUnavailable, ErrOptions,
}
