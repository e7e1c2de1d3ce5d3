package auth

import (
	"encoding/json"
	"fmt"

	"socketiojwt/token"
)

// identity returns the value that says whose token t is, within its issuer: the claim that
// Options.IdentityClaim names. It fails if the token does not have the claim, or has
// something other than a string in it. A number or a list is refused, because two parsers
// may read one text as different values.
func (g *Gate) identity(t *token.Token) (string, error) {
	if g.opts.IdentityClaim == "" || g.opts.IdentityClaim == "sub" {
		if t.Subject == "" {
			return "", fmt.Errorf("%w: sub", token.ErrClaimMissing)
		}
		return t.Subject, nil
	}
	var claim json.RawMessage
	if err := t.Claim(g.opts.IdentityClaim, &claim); err != nil {
		return "", err
	}
	var value string
	if len(claim) == 0 || claim[0] != '"' {
		return "", fmt.Errorf("%w: %s is not a string", token.ErrClaim, g.opts.IdentityClaim)
	}
	if err := t.Claim(g.opts.IdentityClaim, &value); err != nil {
		return "", err
	}
	if value == "" {
		return "", fmt.Errorf("%w: %s is empty", token.ErrClaimMissing, g.opts.IdentityClaim)
	}
	return value, nil
}

// recognize returns the refusal for a token by which the socket may not refresh its lease,
// because it is not of the same identity. It returns nil for a socket that has no lease, and
// for an HTTP request, for which a is nil.
func (a *admission) recognize(t *token.Token) *Error {
	before := a.current()
	if before == nil {
		return nil
	}
	held, err := a.gate.identity(before.Token)
	if err != nil {
		return a.gate.refusal(fmt.Errorf("auth: the token of the lease has no identity: %w", err)).of(t)
	}
	shown, err := a.gate.identity(t)
	if err != nil {
		return a.gate.refusal(err).of(t)
	}
	if shown != held || t.Issuer != before.Token.Issuer {
		return a.gate.refusal(errSubject).of(t)
	}
	return nil
}

// current returns the lease of the socket, or nil if it has none.
func (a *admission) current() *Lease {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stage != leased {
		return nil
	}
	return a.entry.lease
}

// sameHolder reports whether two tokens are for the same subject of the same issuer,
// or are the same token.
func sameHolder(a, b *token.Token) bool {
	return a.Hash == b.Hash || a.Subject != "" && a.Subject == b.Subject && a.Issuer == b.Issuer
}
