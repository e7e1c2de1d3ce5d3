package auth

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/token"
)

// An Error is a refusal: what is sent to the peer, and the cause, which is not sent.
//
// A hook, a Verifier, a KeyFunc or a Source returns one to choose what the peer gets. Empty
// fields get defaults: Message "not authorized", Code "unknown", Reason ReasonNotAuthorized.
// The gate does not write to the returned Error, so it may be a shared variable.
type Error struct {
	// Message is sent to the peer, for people.
	Message string
	// Code is sent to the peer: one of the codes of the npm package socketio-jwt, or
	// "unavailable".
	Code string
	// Reason is sent to the peer, for programs.
	Reason Reason
	// ID is sent to the peer and is in the log. It is random. The gate sets it and ignores
	// the value of a hook.
	ID string
	// Temporary closes the transport, so that the JavaScript client reconnects by itself;
	// after a final refusal it does not. If another socket of the connection is admitted,
	// only this socket ends, and the refusal says that the peer may try again.
	Temporary bool
	// RetryAfter is how long the transport stays open after a temporary refusal. The
	// JavaScript client does not reconnect in this time. It is sent in whole seconds,
	// rounded up. Zero closes the transport at once. The gate's own refusals have zero,
	// except if keys are unavailable or a Verifier fails: then it is random, grows with the
	// outage, and stays within Options.Timeout.
	RetryAfter time.Duration
	// Err is the cause, for the log and OnRefuse only. It is never sent. It may be nil.
	Err error

	token    loggedToken // of a token whose signature is valid; for the log
	verified bool        // the token was verified; the refusal has another cause
}

// of records in e that the refused peer showed a verified token t, and returns e. Both may be
// nil.
func (e *Error) of(t *token.Token) *Error {
	if e != nil && t != nil {
		e.token, e.verified = logged(t), true
	}
	return e
}

// Error returns the message, and never the cause. It does not panic for a nil *Error, which
// a hook may return by mistake.
func (e *Error) Error() string {
	if e == nil {
		return "auth: refused"
	}
	return "auth: refused: " + e.Message
}

// Unwrap returns e.Err.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// A Reason says why a socket was refused or its lease ended, for programs.
type Reason string

// The reasons. Before the signature of a token was found valid, a refusal reveals nothing
// about its claims, except about those that a KeyFunc asks for. If the token chose its key,
// by its key ID, its issuer or a KeyFunc, every refusal before that is ReasonTokenSignature.
// Any other reason would reveal which keys, and so which users, exist.
const (
	ReasonTokenMissing   Reason = "token_missing"    // no token was shown
	ReasonTokenConflict  Reason = "token_conflict"   // different tokens were shown, or one place showed several
	ReasonTokenMalformed Reason = "token_malformed"  // the value that was presented is not a token
	ReasonTokenTooLarge  Reason = "token_too_large"  // it is longer than allowed
	ReasonTokenHeader    Reason = "token_header"     // its header requires something unsupported
	ReasonTokenUnsigned  Reason = "token_unsigned"   // it is not signed
	ReasonTokenAlgorithm Reason = "token_algorithm"  // its algorithm is not that of the only key
	ReasonTokenSignature Reason = "token_signature"  // its signature is invalid, or its key unknown
	ReasonTokenExpired   Reason = "token_expired"    // it has expired, or the lease has ended
	ReasonTokenNotActive Reason = "token_not_active" // it is not valid yet
	ReasonTokenTooOld    Reason = "token_too_old"    // it was issued too long ago
	ReasonTokenIssuer    Reason = "token_issuer"     // it is from another issuer
	ReasonTokenAudience  Reason = "token_audience"   // it is for another audience
	ReasonTokenSubject   Reason = "token_subject"    // it is for another subject
	ReasonTokenID        Reason = "token_id"         // it has another JWT ID
	ReasonTokenNonce     Reason = "token_nonce"      // it has another nonce
	ReasonTokenType      Reason = "token_type"       // it is of another type
	ReasonTokenClaim     Reason = "token_claim"      // a claim is missing, has the wrong type, or does not have the required value
	ReasonTokenRevoked   Reason = "token_revoked"    // it was revoked, its subject is blocked, or a custom Verifier reported that it is not active any more

	ReasonTicket Reason = "ticket_invalid" // a ticket was used before, has expired, or was not made for this namespace and origin

	// Gate.Require refuses an event for these. The socket stays.
	ReasonLoginRequired                  Reason = "login_required"                   // the socket is a guest, and must log in first
	ReasonInsufficientScope              Reason = "insufficient_scope"               // the token does not have a scope
	ReasonInsufficientRole               Reason = "insufficient_role"                // the token does not have a role
	ReasonInsufficientUserAuthentication Reason = "insufficient_user_authentication" // the user did not authenticate recently or strongly enough (RFC 9470)

	ReasonNotAuthorized   Reason = "not_authorized"   // the token is good, but Authorize or a Satisfies returned an error
	ReasonSubjectChanged  Reason = "subject_changed"  // "authenticate" with a token for another subject than the lease's
	ReasonAuthTimeout     Reason = "auth_timeout"     // the peer did not authenticate in time
	ReasonInternal        Reason = "internal_error"   // a hook panicked, Authorize returned a nil user, or a Verifier returned an invalid token
	ReasonKeysUnavailable Reason = "keys_unavailable" // temporary: keys could not be fetched
	ReasonAuthUnavailable Reason = "auth_unavailable" // temporary: keys or hooks took too long, or a custom Verifier or the denylist failed
	ReasonOverloaded      Reason = "overloaded"       // temporary: too many sockets are held
	ReasonRateLimited     Reason = "rate_limited"     // too many refreshes; temporary, unless too many of them were refused
)

// The codes of the npm package socketio-jwt, codeUnavailable for temporary refusals, and
// codeForbidden for events that Require refuses. The npm package sends invalid_secret if its secret function returns an error.
const (
	codeRequired    = "credentials_required"         // no token was shown, or none in time
	codeFormat      = "credentials_bad_format"       // the token was badly written, or there were several
	codeNoHeader    = "missing_authorization_header" // there is no Authorization header
	codeInvalid     = "invalid_token"                // the token was refused, or the lease has ended
	codeSecret      = "invalid_secret"               // temporary: keys could not be fetched
	codeUnknown     = "unknown"                      // the program refused, or failed
	codeUnavailable = "unavailable"                  // temporary: the server cannot decide now
	codeForbidden   = "forbidden"                    // Require refused an event
)

// Causes of refusals that are not in a source or a token.
var (
	errDeadline   = errors.New("auth: no token was accepted before the deadline")
	errLate       = errors.New("auth: keys or hooks took longer than the timeout")
	errOverloaded = errors.New("auth: too many sockets are held")
	errTicket     = errors.New("auth: the ticket is not good")
	errSubject    = errors.New("auth: the token is for another subject than the lease")
	errTooMany    = errors.New("auth: the socket refreshes its lease too often")
	errPanic      = errors.New("auth: panic in a hook")
	errRefused    = errors.New("auth: too many tokens of the socket were refused")
	errTooLarge   = fmt.Errorf("auth: the handshake or event was too large to be kept (see socketio.Options.MaxHandshake, MaxAuthPayload and MaxNewBytes): %w", token.ErrTooLarge)
)

// refusals are the texts for causes other than those of badTokens. The first entry whose
// cause an error matches applies.
var refusals = []struct {
	cause     error
	message   string
	code      string
	reason    Reason
	temporary bool
}{
	{errNoToken, "no token provided", codeRequired, ReasonTokenMissing, false},
	{errNoHeader, "Server requires Authorization Header", codeNoHeader, ReasonTokenMissing, false},
	{errFormat, "Format is Authorization: Bearer [token]", codeFormat, ReasonTokenMalformed, false},
	{errDatatype, "invalid token datatype", codeInvalid, ReasonTokenMalformed, false},
	{errTwice, "more than one token provided", codeFormat, ReasonTokenConflict, false},
	{errConflict, "more than one token provided", codeFormat, ReasonTokenConflict, false},
	{errDeadline, "authentication timeout", codeRequired, ReasonAuthTimeout, false},
	{errLate, "authentication unavailable", codeUnavailable, ReasonAuthUnavailable, true},
	{errOverloaded, "authentication unavailable", codeUnavailable, ReasonOverloaded, true},
	{errTooMany, "too many refreshes", codeUnavailable, ReasonRateLimited, true},
	{errRefused, "too many refused tokens", codeUnknown, ReasonRateLimited, false},
	{errTicket, "ticket not accepted", codeInvalid, ReasonTicket, false},
	{errSubject, "jwt subject invalid", codeInvalid, ReasonSubjectChanged, false},
	{errGuest, "login required", codeForbidden, ReasonLoginRequired, false},
	{errScope, "insufficient scope", codeForbidden, ReasonInsufficientScope, false},
	{errRole, "insufficient role", codeForbidden, ReasonInsufficientRole, false},
	{errNotFresh, "authentication is not recent or strong enough", codeForbidden, ReasonInsufficientUserAuthentication, false},
	{errOtherGate, "internal error", codeForbidden, ReasonInternal, false},
	{errPanic, "internal error", codeUnknown, ReasonInternal, false},
	{errNilUser, "internal error", codeUnknown, ReasonInternal, false},
	{errRooms, "internal error", codeUnknown, ReasonInternal, false},
	{errNotMade, "internal error", codeUnknown, ReasonInternal, false},
	{errDenylist, "authentication unavailable", codeUnavailable, ReasonAuthUnavailable, true},
	{errUnverified, "authentication unavailable", codeUnavailable, ReasonAuthUnavailable, true},
	{token.ErrKeysUnavailable, "authentication unavailable", codeSecret, ReasonKeysUnavailable, true},
}

// badTokens are the texts for tokens that fail verification and for leases that end. All of
// these refusals are final, with codeInvalid.
var badTokens = []struct {
	cause   error
	message string
	reason  Reason
}{
	{token.ErrMalformed, "jwt malformed", ReasonTokenMalformed},
	{token.ErrTooLarge, "token too large", ReasonTokenTooLarge},
	{token.ErrHeader, "jwt header invalid", ReasonTokenHeader},
	{token.ErrUnsigned, "jwt signature is required", ReasonTokenUnsigned},
	{token.ErrAlgorithm, "invalid algorithm", ReasonTokenAlgorithm},
	{token.ErrSignature, "invalid signature", ReasonTokenSignature},
	{token.ErrKeyNotFound, "invalid signature", ReasonTokenSignature},
	{token.ErrKey, "invalid signature", ReasonTokenSignature},
	{token.ErrExpired, "jwt expired", ReasonTokenExpired},
	{token.ErrNotYetValid, "jwt not active", ReasonTokenNotActive},
	{token.ErrMaxAge, "maxAge exceeded", ReasonTokenTooOld},
	{token.ErrIssuer, "jwt issuer invalid", ReasonTokenIssuer},
	{token.ErrAudience, "jwt audience invalid", ReasonTokenAudience},
	{token.ErrSubject, "jwt subject invalid", ReasonTokenSubject},
	{token.ErrID, "jwt jwtid invalid", ReasonTokenID},
	{token.ErrNonce, "jwt nonce invalid", ReasonTokenNonce},
	{token.ErrType, "jwt type invalid", ReasonTokenType},
	{token.ErrClaimMissing, "jwt claim missing", ReasonTokenClaim},
	{token.ErrClaim, "jwt claim invalid", ReasonTokenClaim},
	{token.ErrRevoked, "jwt revoked", ReasonTokenRevoked},
}

// threamText is the message of @thream/socketio-jwt for each of badTokens.
const threamText = "Unauthorized: Token is missing or invalid Bearer"

// refusal returns the refusal for a cause of this package or of package token. For any other
// cause it returns what hookRefusal does.
func (g *Gate) refusal(cause error) *Error {
	if own := (*Error)(nil); errors.As(cause, &own) {
		return hookRefusal(cause)
	}
	for _, r := range refusals {
		if errors.Is(cause, r.cause) {
			return &Error{Message: r.message, Code: r.code, Reason: r.reason, ID: newID(), Temporary: r.temporary, Err: cause}
		}
	}
	told := cause
	if token.RevealsKeys(cause) {
		told = token.ErrSignature
	}
	for _, r := range badTokens {
		if !errors.Is(told, r.cause) {
			continue
		}
		e := &Error{Message: r.message, Code: codeInvalid, Reason: r.reason, ID: newID(), Err: cause, token: loggedRefused(cause)}
		if g.opts.ThreamTexts {
			e.Message = threamText
		}
		return e
	}
	return hookRefusal(cause)
}

// hookRefusal returns the refusal for an error of user code: the fields of an *Error, or
// defaults that reveal nothing.
func hookRefusal(cause error) *Error {
	e := &Error{}
	if own := (*Error)(nil); errors.As(cause, &own) && own != nil {
		*e = *own
		e.token, e.verified = loggedToken{}, false // a shared *Error must not pass on values of another refusal
	}
	e.ID = newID()
	if e.Err == nil {
		e.Err = cause
	}
	if e.Message == "" {
		e.Message = "not authorized"
	}
	if e.Code == "" {
		e.Code = codeUnknown
	}
	if e.Reason == "" {
		e.Reason = ReasonNotAuthorized
	}
	return e
}

// newID returns 72 random bits in 12 characters.
func newID() string {
	var b [9]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ending returns e as an Ending for package socketio.
func (g *Gate) ending(e *Error) *socketio.Ending {
	return &socketio.Ending{Message: e.Message, Data: g.told(e), Temporary: e.Temporary, RetryAfter: e.RetryAfter, Err: e}
}
