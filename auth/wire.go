package auth

import (
	"math"
	"time"
)

// The events of the gate. The peer sends the first one, and the gate the others. The names
// authenticate, authenticated and unauthorized are those of the npm package socketio-jwt.
const (
	eventAuthenticate  = "authenticate"    // a token: a login, or a refresh if it has an acknowledgement
	eventAuthenticated = "authenticated"   // the token was accepted
	eventUnauthorized  = "unauthorized"    // a token or an event was refused, or the lease has ended
	eventExpiring      = "token_expiring"  // the lease ends soon; see expiringTold
	eventChallenge     = "token_challenge" // an event needs a fresher token; see challengeTold
)

// leaseTold describes a lease to its peer: the argument of "authenticated" for a peer that
// asked for it, and the acknowledgement of "authenticate".
type leaseTold struct {
	ExpiresIn secondsLeft `json:"expiresIn,omitzero"`
	Refresh   bool        `json:"refresh"` // the peer may refresh the lease
	Joined    []string    `json:"joined,omitempty"`
	Left      []string    `json:"left,omitempty"`
}

// expiringTold is the argument of "token_expiring".
type expiringTold struct {
	ExpiresIn secondsLeft `json:"expiresIn,omitzero"`
	Now       bool        `json:"now,omitzero"` // an operator asks for a refresh at once
}

// challengeTold is the argument of "token_challenge".
type challengeTold struct {
	MaxAge    int64    `json:"maxAge,omitzero"` // seconds
	ACRValues []string `json:"acrValues,omitempty"`
	AMR       []string `json:"amr,omitempty"`
}

// refusedTold is the acknowledgement of an event that was refused.
type refusedTold struct {
	Error any `json:"error"` // a told or a forbiddenTold
}

// forbiddenTold is the refusal of an event other than "authenticate".
type forbiddenTold struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Reason  Reason `json:"reason,omitzero"` // Options.OmitReasonAndID leaves out reason and id
	ID      string `json:"id,omitzero"`
	Event   string `json:"event,omitzero"` // the name of the event, if its peer did not ask for an acknowledgement
}

// secondsLeft is the number of whole seconds until a lease ends. Negative means that it
// never ends, and the member is left out.
type secondsLeft int64

// IsZero reports whether the lease never ends.
func (s secondsLeft) IsZero() bool { return s < 0 }

// untilEnd returns the seconds from now until a lease ends, rounded down.
func untilEnd(until, now time.Time) secondsLeft {
	if until.IsZero() {
		return -1
	}
	return secondsLeft(max(until.Sub(now), 0) / time.Second)
}

// unauthorizedError is the type of every refusal.
const unauthorizedError = "UnauthorizedError"

// told is an Error on the wire. Its members are sent in this order.
type told struct {
	Message string `json:"message"`
	Code    string `json:"code"`
	Type    string `json:"type"`
	Reason  Reason `json:"reason,omitzero"` // Options.OmitReasonAndID leaves out reason and id
	ID      string `json:"id,omitzero"`

	Temporary  bool `json:"temporary,omitzero"`
	RetryAfter int  `json:"retryAfter,omitzero"` // seconds
}

// toldByEvent is the payload of "unauthorized".
type toldByEvent struct {
	Message string    `json:"message"`
	Inner   toldInner `json:"inner"`
	Data    any       `json:"data"` // a told or a forbiddenTold
}

// toldInner has the only member that the error of the npm package has on the wire.
type toldInner struct {
	Message string `json:"message"`
}

// told returns e as it is sent.
func (g *Gate) told(e *Error) told {
	t := told{Message: e.Message, Code: e.Code, Type: unauthorizedError, Temporary: e.Temporary}
	if !g.opts.OmitReasonAndID {
		t.Reason, t.ID = e.Reason, e.ID
	}
	if e.Temporary && e.RetryAfter > 0 {
		t.RetryAfter = int(min((e.RetryAfter-1)/time.Second+1, math.MaxInt32)) // rounded up
	}
	return t
}

// toldByEvent returns e as it is sent by the event "unauthorized".
func (g *Gate) toldByEvent(e *Error) toldByEvent {
	return toldByEvent{Message: e.Message, Inner: toldInner{e.Message}, Data: g.told(e)}
}
