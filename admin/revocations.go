package admin

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"socketiojwt/auth"
)

// revocation is an entry of a denylist as the API returns it.
type revocation struct {
	ID           string    `json:"id"`
	Gate         string    `json:"gate"`
	Match        string    `json:"match"` // auth.Match.String
	Block        *blocked  `json:"block,omitzero"`
	IssuedBefore time.Time `json:"issuedBefore,omitzero"`
	Until        time.Time `json:"until,omitzero"`
	Reason       string    `json:"reason,omitzero"`
	At           time.Time `json:"at,omitzero"`
}

// blocked is the subject of an entry that blocks one.
type blocked struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

func newRevocation(gate string, r auth.Revocation) revocation {
	out := revocation{
		ID: gate + "." + r.ID(), Gate: gate, Match: r.Match.String(),
		IssuedBefore: r.IssuedBefore.UTC(), Until: r.Until.UTC(), Reason: r.Reason, At: r.At.UTC(),
	}
	if issuer, subject, ok := r.Blocked(); ok {
		out.Block = &blocked{issuer, subject}
	}
	return out
}

// revocations is the response of GET /revocations.
type revocations struct {
	Revocations []revocation `json:"revocations"`
	Next        string       `json:"next,omitzero"`
}

func (a *api) listRevocations(w http.ResponseWriter, r *http.Request) {
	q, err := parseQuery(r.URL.RawQuery, "gate", "after", "limit")
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	out := revocations{Revocations: []revocation{}}
	first, after, _ := strings.Cut(q.after, ".")
	names := a.names
	if q.gate == operatorsGate {
		names = []string{operatorsGate}
	}
	for _, name := range names {
		if name < first || q.gate != "" && name != q.gate {
			continue
		}
		if name > first {
			after = ""
		}
		entries, err := a.gate(name).Revocations(r.Context(), after, q.limit-len(out.Revocations)+1)
		if err != nil {
			a.failDenylist(w, r, err)
			return
		}
		for _, e := range entries {
			if len(out.Revocations) == q.limit {
				out.Next = out.Revocations[q.limit-1].ID
				answer(w, out)
				return
			}
			out.Revocations = append(out.Revocations, newRevocation(name, e))
		}
	}
	answer(w, out)
}

// matchBody selects tokens: by one of its members, with the issuer.
type matchBody struct {
	Gate      string `json:"gate"` // empty: all
	Issuer    string `json:"issuer"`
	Subject   string `json:"subject"`
	TokenID   string `json:"tokenId"`
	SessionID string `json:"sessionId"`
	TokenHash string `json:"tokenHash"`
	Claim     *struct {
		Name  string          `json:"name"`
		Value json.RawMessage `json:"value"`
	} `json:"claim"`
	// WholeIssuer selects all tokens of Issuer. Without it a body that has no other member than
	// issuer is refused, so that a member left out by mistake does not revoke every token.
	WholeIssuer bool `json:"wholeIssuer"`
}

// match returns the Match of a body.
func (b matchBody) match() (auth.Match, error) {
	var found []auth.Match
	for _, by := range []struct {
		value string
		match func(issuer, value string) auth.Match
	}{{b.Subject, auth.BySubject}, {b.TokenID, auth.ByTokenID}, {b.SessionID, auth.BySession}} {
		if by.value != "" {
			found = append(found, by.match(b.Issuer, by.value))
		}
	}
	if b.TokenHash != "" {
		hash, err := hex.DecodeString(b.TokenHash)
		if err != nil || len(hash) != 32 {
			return auth.Match{}, errors.New("tokenHash must be 64 hexadecimal digits")
		}
		found = append(found, auth.ByHash([32]byte(hash)))
	}
	if b.Claim != nil {
		m, err := b.byClaim()
		if err != nil {
			return auth.Match{}, err
		}
		found = append(found, m)
	}
	if b.WholeIssuer {
		if b.Issuer == "" {
			return auth.Match{}, errors.New("wholeIssuer needs issuer")
		}
		found = append(found, auth.ByIssuer(b.Issuer))
	}
	if len(found) != 1 {
		return auth.Match{}, fmt.Errorf("the body has %d of subject, tokenId, sessionId, tokenHash, claim and wholeIssuer; give exactly one", len(found))
	}
	return found[0], nil
}

func (b matchBody) byClaim() (auth.Match, error) {
	var value any
	decoder := json.NewDecoder(strings.NewReader(string(b.Claim.Value)))
	decoder.UseNumber()
	if b.Claim.Name == "" || decoder.Decode(&value) != nil {
		return auth.Match{}, errors.New("claim needs name and value")
	}
	switch value.(type) {
	case string, json.Number, bool:
		return auth.ByClaim(b.Claim.Name, value), nil
	}
	return auth.Match{}, errors.New("the value of claim must be a string, a number or a boolean")
}

// revokeBody is the body of POST /revocations.
type revokeBody struct {
	matchBody
	IssuedBefore time.Time `json:"issuedBefore"`
	Until        time.Time `json:"until"`
	Reason       string    `json:"reason"`
}

// gate returns a gate, which may be that of the operators' own tokens, or nil.
func (a *api) gate(name string) *auth.Gate {
	if name == operatorsGate {
		return a.operators
	}
	return a.gates[name]
}

func (a *api) revoke(w http.ResponseWriter, r *http.Request) {
	var body revokeBody
	if !readBody(w, r, &body) {
		return
	}
	m, err := body.match()
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	opts := auth.RevokeOptions{IssuedBefore: body.IssuedBefore, Until: body.Until, Reason: body.Reason, Wait: confirmWait}
	a.carryOut(w, r, "revoked", m, body.Gate, body.Reason, body.Until, func(ctx context.Context, g *auth.Gate) (auth.Revoked, error) {
		return g.Revoke(ctx, m, opts)
	})
}

// blockBody is the body of POST /blocks.
type blockBody struct {
	Gate    string    `json:"gate"`
	Issuer  string    `json:"issuer"`
	Subject string    `json:"subject"`
	Until   time.Time `json:"until"`
	Reason  string    `json:"reason"`
}

func (a *api) block(w http.ResponseWriter, r *http.Request) {
	var body blockBody
	if !readBody(w, r, &body) {
		return
	}
	if body.Subject == "" {
		fail(w, http.StatusBadRequest, "the body needs subject")
		return
	}
	m := auth.BySubject(body.Issuer, body.Subject)
	a.carryOut(w, r, "blocked", m, body.Gate, body.Reason, body.Until, func(ctx context.Context, g *auth.Gate) (auth.Revoked, error) {
		return g.Block(ctx, body.Issuer, body.Subject, auth.RevokeOptions{Until: body.Until, Reason: body.Reason, Wait: confirmWait})
	})
}

func (a *api) unblock(w http.ResponseWriter, r *http.Request) {
	var body blockBody
	if !readBody(w, r, &body) {
		return
	}
	if body.Subject == "" || !body.Until.IsZero() {
		fail(w, http.StatusBadRequest, "the body needs subject, and must not have until")
		return
	}
	m := auth.BySubject(body.Issuer, body.Subject)
	a.carryOut(w, r, "unblocked", m, body.Gate, body.Reason, time.Time{}, func(ctx context.Context, g *auth.Gate) (auth.Revoked, error) {
		return auth.Revoked{}, g.Unblock(ctx, body.Issuer, body.Subject, body.Reason)
	})
}

// carryOut changes the denylists of one gate or, if its name is empty, of all, and answers
// with the number of sockets that ended.
func (a *api) carryOut(w http.ResponseWriter, r *http.Request, what string, m auth.Match, gate, reason string, until time.Time, change func(context.Context, *auth.Gate) (auth.Revoked, error)) {
	switch {
	case gate != "" && a.gate(gate) == nil:
		fail(w, http.StatusNotFound, "there is no gate %q; the gates are %s, and %s for the tokens of operators", gate, strings.Join(a.names, ", "), operatorsGate)
		return
	case !until.IsZero() && !until.After(time.Now()):
		fail(w, http.StatusBadRequest, "until is not in the future")
		return
	}
	if err := (auth.Revocation{Match: m, Reason: reason}).Check(); err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	names := a.names
	if gate != "" {
		names = []string{gate}
	}
	out, failed := a.changeAll(r.Context(), names, change)
	a.audit(r, what, slog.Any("match", m), slog.String("gate", gate), slog.String("why", reason), slog.Int("sockets", out.Sockets), slog.Bool("failed", failed != nil))
	switch {
	case failed == nil:
		answer(w, out)
	case errors.Is(failed, auth.ErrDenylistFull) || what == "unblocked":
		a.failDenylist(w, r, failed)
	default:
		a.log.ErrorContext(r.Context(), "admin: the denylist failed", "error", failed)
		fail(w, http.StatusServiceUnavailable, "in force on this node only, where %d sockets ended: the denylist could not be written. Other nodes accept the tokens until it is; this node tries again until it stops. Its log has the cause", out.Sockets)
	}
}

// changeAll changes the denylists of gates at the same time, because each may wait for the same
// server. It is carried out in all gates, even if the operator does not wait.
func (a *api) changeAll(ctx context.Context, names []string, change func(context.Context, *auth.Gate) (auth.Revoked, error)) (out ended, failed error) {
	type result struct {
		revoked auth.Revoked
		err     error
	}
	results := make([]result, len(names))
	var running sync.WaitGroup
	for i, name := range names {
		running.Go(func() {
			results[i].revoked, results[i].err = change(context.WithoutCancel(ctx), a.gate(name))
		})
	}
	running.Wait()
	for _, r := range results {
		out.add(r.revoked)
		failed = errors.Join(failed, r.err)
	}
	return out, failed
}

// failDenylist answers a request for which a denylist failed. The cause is only logged.
func (a *api) failDenylist(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, auth.ErrDenylistFull) {
		fail(w, http.StatusInsufficientStorage, "the denylist is full: the sockets have ended, but the tokens may be shown again")
		return
	}
	a.log.ErrorContext(r.Context(), "admin: the denylist failed", "error", err)
	fail(w, http.StatusServiceUnavailable, "the denylist failed; see the log of the server")
}
