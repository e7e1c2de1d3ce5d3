package logout

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"socketiojwt/auth"
	"socketiojwt/token"
)

// event is the member of events that makes a token a logout token (section 2.4).
const event = "http://schemas.openid.net/event/backchannel-logout"

// A Revoker ends the sockets whose token m matches, and refuses such tokens from then on, as
// auth.Gate.Revoke says. *auth.Gate is a Revoker. If Revoke returns an error, the issuer is
// asked to send the logout token again. Revoke may be called concurrently.
type Revoker interface {
	Revoke(ctx context.Context, m auth.Match, opts auth.RevokeOptions) (auth.Revoked, error)
}

var _ Revoker = (*auth.Gate)(nil)

// subject is what a logout token names.
type subject struct {
	match        auth.Match
	issuedBefore time.Time // zero means all tokens
	session      string    // empty means the whole user
}

// read returns what a logout token names. It fails if a claim of section 2.4 is missing or
// not usable. The Verifier has checked aud, the times and the values of iss and typ.
func (h *Handler) read(t *token.Token) (subject, error) {
	for _, claim := range []struct {
		name    string
		missing bool
	}{{"iss", t.Issuer == ""}, {"iat", t.IssuedAt().IsZero()}, {"exp", t.ExpiresAt().IsZero()}, {"jti", t.ID == ""}} {
		if claim.missing {
			return subject{}, fmt.Errorf("%w: %s", token.ErrClaimMissing, claim.name)
		}
	}
	if err := checkEvents(t); err != nil {
		return subject{}, err
	}
	var any json.RawMessage
	if err := t.Claim("nonce", &any); !errors.Is(err, token.ErrClaimMissing) {
		return subject{}, fmt.Errorf("%w: a logout token must not have a nonce", token.ErrClaim)
	}
	if err := t.Claim("sid", &any); err == nil && t.SessionID == "" && string(any) != "null" {
		return subject{}, fmt.Errorf("%w: sid is not a string, or empty", token.ErrClaim)
	}
	switch {
	case t.SessionID != "" && !(h.opts.WholeUser && t.Subject != ""):
		return subject{match: auth.BySession(t.Issuer, t.SessionID), session: t.SessionID}, nil
	case t.Subject != "":
		return wholeUser(t), nil
	}
	return subject{}, fmt.Errorf("%w: sub or sid", token.ErrClaimMissing)
}

// wholeUser returns all sessions of the user of a logout token. The times of the logout token
// and of those that it concerns are by the issuer's clock, so a user who logs in again stays.
func wholeUser(t *token.Token) subject {
	return subject{match: auth.BySubject(t.Issuer, t.Subject), issuedBefore: t.IssuedAt()}
}

// checkEvents returns an error unless events has the member of a logout.
func checkEvents(t *token.Token) error {
	var events map[string]json.RawMessage
	if err := t.Claim("events", &events); err != nil {
		return err
	}
	value, ok := events[event]
	switch {
	case !ok:
		return fmt.Errorf("%w: events does not have the member of a back-channel logout", token.ErrClaim)
	case !bytes.HasPrefix(bytes.TrimLeft(value, " \t\r\n"), []byte("{")):
		return fmt.Errorf("%w: the value of the event must be a JSON object", token.ErrClaim)
	}
	return nil
}

// reason is the reason of the revocation, for operators.
const reason = "logged out at the issuer"

// revoke revokes at all gates what a logout token names, and returns the number of sockets of
// this node that have ended. If a gate fails, it continues with the others.
func (h *Handler) revoke(ctx context.Context, s subject) (sockets int, err error) {
	var failed []error
	for _, gate := range h.opts.Gates {
		revoked, err := gate.Revoke(ctx, s.match, auth.RevokeOptions{IssuedBefore: s.issuedBefore, Reason: reason})
		sockets += revoked.Sockets
		failed = append(failed, err)
	}
	return sockets, errors.Join(failed...)
}

// attrs describe a logout for the log.
func (s subject) attrs(t *token.Token, sockets int) []slog.Attr {
	attrs := []slog.Attr{slog.String("issuer", t.Issuer), slog.String("token", hex.EncodeToString(t.Hash[:])), slog.Int("sockets", sockets)}
	if t.Subject != "" {
		attrs = append(attrs, slog.String("subject", t.Subject))
	}
	if s.session != "" {
		attrs = append(attrs, slog.String("session", s.session))
	}
	return attrs
}
