package auth

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"socketiojwt/token"
)

// Freshness says how recently and how strongly a user must have authenticated: see Fresh. At
// least one of MaxAge, ACR and AMR must be set.
type Freshness struct {
	// MaxAge is how long ago the user may have authenticated, by the claim auth_time and the
	// server's clock. A token without the claim does not satisfy it. Zero means any time. Less
	// than a second is an error.
	MaxAge time.Duration
	// ACR are the accepted values of the claim acr, in order of preference. Nil means any.
	ACR []string
	// AMR are values that the claim amr must contain, all of them, such as "otp". Nil means
	// none.
	AMR []string

	// Wait is how long an event waits for a token that satisfies the requirement. Zero means
	// one minute.
	Wait time.Duration
}

// Fresh requires a recent or strong authentication of the user, for events such as a payment
// (step-up, modelled on RFC 9470). If the token of a socket does not satisfy it, the peer gets
// the event "token_challenge", with
//
//	{"maxAge":300,"acrValues":["urn:example:gold"],"amr":["otp"]}
//
// and without the members that are not required. The peer answers with a refresh: the event
// "authenticate" with a token of the same user and an acknowledgement. The event that was
// challenged waits meanwhile, and later events of the socket do not wait for it. Once a token
// satisfies all requirements, including those of Requires around this one, the event is handled,
// with the context of the new lease. Other middleware around Require does not run again, and the
// context does not have the values that it has added. After
// Wait it is refused with ReasonInsufficientUserAuthentication. At most eight events of a
// socket wait, and of events that have the same requirement only the first is told.
func Fresh(f Freshness) Requirement {
	need := &freshness{
		maxAge: f.MaxAge, acr: slices.Clone(f.ACR), amr: slices.Clone(f.AMR), wait: cmp.Or(f.Wait, time.Minute),
	}
	r := Requirement{fresh: need}
	switch {
	case f.MaxAge < 0, f.Wait < 0:
		r.wrong = errors.New("Fresh: MaxAge or Wait is negative; set a positive duration, or zero for the default")
	case f.MaxAge == 0 && len(f.ACR) == 0 && len(f.AMR) == 0:
		r.wrong = errors.New("Fresh: nothing is required; set MaxAge, ACR or AMR")
	case f.MaxAge > 0 && f.MaxAge < time.Second:
		r.wrong = fmt.Errorf("Fresh: MaxAge is %v; set at least a second, because auth_time is in seconds", f.MaxAge)
	case slices.Contains(f.ACR, ""), slices.Contains(f.AMR, ""):
		r.wrong = errors.New("Fresh: a value of ACR or AMR is empty")
	}
	return r
}

// freshness is a Freshness that was checked. It is immutable.
type freshness struct {
	maxAge   time.Duration
	acr, amr []string
	wait     time.Duration
}

// clockSkew is how far auth_time may be in the future.
const clockSkew = time.Minute

// lacks returns why a token does not satisfy f, or nil if it does. It runs no user code.
func (f *freshness) lacks(t *token.Token, now time.Time) error {
	if f.maxAge > 0 {
		var seconds float64
		if err := t.Claim("auth_time", &seconds); err != nil {
			return err
		}
		if math.Abs(seconds) > 1<<40 {
			return fmt.Errorf("%w: auth_time is out of range", token.ErrClaim)
		}
		age := now.Sub(time.Unix(int64(seconds), 0))
		if age > f.maxAge || age < -clockSkew {
			return fmt.Errorf("auth: the user authenticated %v ago, by auth_time; at most %v are allowed", age.Round(time.Second), f.maxAge)
		}
	}
	if len(f.acr) > 0 {
		var acr string
		if err := t.Claim("acr", &acr); err != nil {
			return err
		}
		if !slices.Contains(f.acr, acr) {
			return fmt.Errorf("auth: acr is %.100q", acr)
		}
	}
	if len(f.amr) > 0 {
		amr, err := stringsOf(t, "amr")
		if err != nil {
			return err
		}
		for _, method := range f.amr {
			if !slices.Contains(amr, method) {
				return fmt.Errorf("auth: amr does not have %q", method)
			}
		}
	}
	return nil
}

// challenge returns what the peer is told.
func (f *freshness) challenge() challengeTold {
	return challengeTold{MaxAge: int64(f.maxAge / time.Second), ACRValues: f.acr, AMR: f.amr}
}

// same reports whether a peer is told the same of two requirements.
func (f *freshness) same(other *freshness) bool {
	return f.maxAge/time.Second == other.maxAge/time.Second && slices.Equal(f.acr, other.acr) && slices.Equal(f.amr, other.amr)
}
