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

// An Error is a refusal: what the peer is told, and the cause, which it is not.
//
// A hook, a KeyFunc or a Source returns one to choose the words. What it leaves empty is filled
// in: Message "not authorized", Code "unknown", Reason ReasonNotAuthorized. The one
// it returns is not written to, so it may be a variable that is shared.
type Error struct {
	// Message is told to the peer, for people.
	Message string
	// Code is told to the peer: one of the codes of the npm package socketio-jwt.
	Code string
	// Reason is told to the peer, for programs.
	Reason Reason
	// ID is told to the peer and is in the log. It is random, and the gate's to set.
	ID string
	// Temporary closes the transport, so that the JavaScript client comes back by
	// itself; otherwise it stays away. If another socket of the connection is admitted,
	// only this socket ends, and the peer is told that it may try again.
	Temporary bool
	// RetryAfter is how long the transport stays open after a temporary refusal, which is
	// what keeps the JavaScript client away for that long. It is told in whole seconds.
	// Zero closes the transport at once. The gate's own refusals have zero, except while
	// keys are unavailable: then it is a random while, which grows with the outage, within
	// Options.Timeout.
	RetryAfter time.Duration
	// Err is the cause, for the log and for OnRefuse only. May be nil.
	Err error

	subject  string // of a token whose signature is valid; for the log
	verified bool   // the token was verified, and the refusal has another reason
}

// of says that e, which may be nil, refuses the bearer of a verified token. It returns e.
func (e *Error) of(t *token.Token) *Error {
	if e != nil && t != nil {
		e.subject, e.verified = t.Subject, true
	}
	return e
}

// Error returns the message, and never the cause. A nil *Error, which a hook may have
// returned by mistake, is an error like any other.
func (e *Error) Error() string {
	if e == nil {
		return "auth: refused"
	}
	return "auth: refused: " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// A Reason says for programs why a socket was refused, or ended.
type Reason string

// The reasons. A peer is told nothing of the claims of a token before its signature was
// found valid, except of those that a KeyFunc asks for. If the token chose its key, by
// its key ID, its issuer or a KeyFunc, every refusal before that is
// ReasonTokenSignature: anything else would tell peers which keys, and so which users,
// there are.
const (
	ReasonTokenMissing   Reason = "token_missing"    // no token was shown
	ReasonTokenConflict  Reason = "token_conflict"   // more than one was
	ReasonTokenMalformed Reason = "token_malformed"  // what was shown is no token
	ReasonTokenTooLarge  Reason = "token_too_large"  // it is longer than allowed
	ReasonTokenHeader    Reason = "token_header"     // its header asks for what is not supported
	ReasonTokenUnsigned  Reason = "token_unsigned"   // it is not signed
	ReasonTokenAlgorithm Reason = "token_algorithm"  // its algorithm is not that of the one key
	ReasonTokenSignature Reason = "token_signature"  // its signature is invalid, or its key unknown
	ReasonTokenExpired   Reason = "token_expired"    // its time is over, or the lease's
	ReasonTokenNotActive Reason = "token_not_active" // its time has not come
	ReasonTokenTooOld    Reason = "token_too_old"    // it was issued too long ago
	ReasonTokenIssuer    Reason = "token_issuer"     // it is from another issuer
	ReasonTokenAudience  Reason = "token_audience"   // it is for another audience
	ReasonTokenSubject   Reason = "token_subject"    // it is for another subject
	ReasonTokenID        Reason = "token_id"         // its JWT ID is another
	ReasonTokenNonce     Reason = "token_nonce"      // its nonce is another
	ReasonTokenType      Reason = "token_type"       // it is of another type
	ReasonTokenClaim     Reason = "token_claim"      // a claim is missing, of the wrong type, or not what is asked for
	ReasonTokenRevoked   Reason = "token_revoked"    // it is not active any more, as a Verifier of the program says

	ReasonNotAuthorized   Reason = "not_authorized"   // the token is good, and Authorize said no
	ReasonSubjectChanged  Reason = "subject_changed"  // "authenticate" with a token for another subject than the lease's
	ReasonAuthTimeout     Reason = "auth_timeout"     // the peer did not authenticate in time
	ReasonInternal        Reason = "internal_error"   // a hook panicked, Authorize returned a nil user, or a Verifier returned what it must not
	ReasonKeysUnavailable Reason = "keys_unavailable" // temporary: keys could not be fetched
	ReasonAuthUnavailable Reason = "auth_unavailable" // temporary: keys and hooks took too long, or a Verifier of the program failed
	ReasonOverloaded      Reason = "overloaded"       // temporary: too many sockets are held
)

// Codes of the npm package socketio-jwt, and one of ours for what will pass. Its code
// for a secret function that answers an error is invalid_secret.
const (
	codeRequired    = "credentials_required"
	codeFormat      = "credentials_bad_format"
	codeNoHeader    = "missing_authorization_header"
	codeInvalid     = "invalid_token"
	codeSecret      = "invalid_secret"
	codeUnknown     = "unknown"
	codeUnavailable = "unavailable"
)

// What goes wrong besides sources and tokens.
var (
	errDeadline   = errors.New("auth: no token was accepted before the deadline")
	errLate       = errors.New("auth: keys or hooks took longer than the timeout")
	errOverloaded = errors.New("auth: too many sockets are held")
	errSubject    = errors.New("auth: token for another subject than the lease")
	errPanic      = errors.New("auth: panic in a hook")
	errTooLarge   = fmt.Errorf("auth: the handshake or event was too large to be kept (see socketio.Options.MaxHandshake, MaxAuthPayload and MaxNewBytes): %w", token.ErrTooLarge)
)

// refusals are the texts for what is no fault of a token's. The first line whose cause
// an error matches holds.
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
	{errSubject, "jwt subject invalid", codeInvalid, ReasonSubjectChanged, false},
	{errPanic, "internal error", codeUnknown, ReasonInternal, false},
	{errNilUser, "internal error", codeUnknown, ReasonInternal, false},
	{errNotMade, "internal error", codeUnknown, ReasonInternal, false},
	{errUnverified, "authentication unavailable", codeUnavailable, ReasonAuthUnavailable, true},
	{token.ErrKeysUnavailable, "authentication unavailable", codeSecret, ReasonKeysUnavailable, true},
}

// badTokens are the texts for tokens that fail verification, and leases that end. All
// are final, with codeInvalid.
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

// threamText is what @thream/socketio-jwt says of each of badTokens.
const threamText = "Unauthorized: Token is missing or invalid Bearer"

// refusal returns what a peer is told for a cause of ours or of package token.
// Anything else is told as a hook's refusal is.
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
		e := &Error{Message: r.message, Code: codeInvalid, Reason: r.reason, ID: newID(), Err: cause, subject: token.RefusedSubject(cause)}
		if g.opts.ThreamTexts {
			e.Message = threamText
		}
		return e
	}
	return hookRefusal(cause)
}

// hookRefusal returns what a peer is told when user code refuses it: the words of an
// *Error, else such as say nothing.
func hookRefusal(cause error) *Error {
	e := &Error{}
	if own := (*Error)(nil); errors.As(cause, &own) && own != nil {
		*e = *own
		e.subject, e.verified = "", false // it may have refused another socket before
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

// unauthorizedError is the type of every refusal.
const unauthorizedError = "UnauthorizedError"

// told is an Error on the wire, its members in this order.
type told struct {
	Message string `json:"message"`
	Code    string `json:"code"`
	Type    string `json:"type"`
	Reason  Reason `json:"reason,omitzero"` // these two are left out by Options.OmitReasonAndID
	ID      string `json:"id,omitzero"`

	Temporary  bool `json:"temporary,omitzero"`
	RetryAfter int  `json:"retryAfter,omitzero"` // seconds
}

// toldByEvent is the payload of "unauthorized".
type toldByEvent struct {
	Message string    `json:"message"`
	Inner   toldInner `json:"inner"`
	Data    told      `json:"data"`
}

// toldInner is what the old library made its error of, cut down as it did.
type toldInner struct {
	Message string `json:"message"`
}

func (g *Gate) told(e *Error) told {
	t := told{Message: e.Message, Code: e.Code, Type: unauthorizedError, Temporary: e.Temporary}
	if !g.opts.OmitReasonAndID {
		t.Reason, t.ID = e.Reason, e.ID
	}
	if e.Temporary && e.RetryAfter > 0 {
		t.RetryAfter = int((e.RetryAfter + time.Second - 1) / time.Second)
	}
	return t
}

func (g *Gate) toldByEvent(e *Error) toldByEvent {
	return toldByEvent{Message: e.Message, Inner: toldInner{e.Message}, Data: g.told(e)}
}

// ending returns e as socketio takes it.
func (g *Gate) ending(e *Error) *socketio.Ending {
	return &socketio.Ending{Message: e.Message, Data: g.told(e), Temporary: e.Temporary, RetryAfter: e.RetryAfter, Err: e}
}
