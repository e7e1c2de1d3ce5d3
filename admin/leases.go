package admin

import (
	"context"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"socketiojwt/auth"
)

// lease is a LeaseInfo as the API returns it.
type lease struct {
	ID         string          `json:"id"`
	Node       string          `json:"node,omitzero"`
	Gate       string          `json:"gate"`
	Namespace  string          `json:"namespace"`
	State      auth.LeaseState `json:"state"`
	Socket     string          `json:"socket"` // as in the log
	RemoteAddr string          `json:"remoteAddr"`
	Issuer     string          `json:"issuer,omitzero"`
	Subject    string          `json:"subject,omitzero"`
	TokenID    string          `json:"tokenId,omitzero"`
	SessionID  string          `json:"sessionId,omitzero"`
	TokenHash  string          `json:"tokenHash,omitzero"` // hexadecimal
	Since      time.Time       `json:"since"`
	Until      time.Time       `json:"until,omitzero"`
}

func (a *api) newLease(l found) lease {
	return lease{
		ID: a.joined(l.id()), Node: a.self, Gate: l.gate, Namespace: l.Namespace, State: l.State, Socket: l.LoggedAs, RemoteAddr: l.RemoteAddr,
		Issuer: l.Issuer, Subject: l.Subject, TokenID: l.TokenID, SessionID: l.SessionID,
		TokenHash: l.tokenHash(), Since: l.Since.UTC(), Until: l.Until.UTC(),
	}
}

// The bounds of a page.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// page is the response of GET /leases. Next is the value of the parameter after for the next
// page; it is empty if this is the last one.
type page struct {
	Leases  []lease  `json:"leases"`
	Next    string   `json:"next,omitzero"`
	Missing []string `json:"missing,omitzero"` // nodes that have not answered
}

// list answers with a page of the leases of all nodes, one node after the other.
func (a *api) list(w http.ResponseWriter, r *http.Request) {
	f, err := parseFilter(r.URL.RawQuery, "after", "limit")
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	out := page{Leases: []lease{}}
	first, after := a.split(f.after)
	for _, node := range a.members(first) {
		if node > first {
			after = ""
		}
		leases, more, err := a.listOf(r.Context(), node, f, after, f.limit-len(out.Leases)+1)
		switch {
		case r.Context().Err() != nil:
			return
		case err != nil:
			out.Missing = append(out.Missing, node)
			continue
		}
		out.Leases = append(out.Leases, leases...)
		if len(out.Leases) > f.limit {
			out.Leases, more = out.Leases[:f.limit], true
		}
		if more {
			out.Next = out.Leases[len(out.Leases)-1].ID
			break
		}
	}
	answer(w, out)
}

// listOf returns the first leases of a node after an ID, at most so many. More says that the node
// has further ones.
func (a *api) listOf(ctx context.Context, node string, f filter, after string, most int) (leases []lease, more bool, err error) {
	if node == a.self {
		return a.listHere(ctx, f, after, most), false, nil
	}
	got, err := a.cluster.ask(ctx, node, message{Ask: askList, Query: f.selection(), After: after, Limit: most})
	if err == nil && (got.Status != http.StatusOK || got.More && len(got.Leases) == 0) {
		err = errSilent
	}
	return got.Leases, got.More, err
}

// listHere returns the first leases of this node after an ID, at most so many.
func (a *api) listHere(ctx context.Context, f filter, after string, most int) []lease {
	out := []lease{}
	for l := range a.leases(ctx, f, after, most) {
		if len(out) == most {
			break
		}
		out = append(out, a.newLease(l))
	}
	return out
}

// counted is the response of GET /leases/count.
type counted struct {
	Count   int      `json:"count"`
	Missing []string `json:"missing,omitzero"` // nodes that have not answered
}

func (a *api) count(w http.ResponseWriter, r *http.Request) {
	f, err := parseFilter(r.URL.RawQuery)
	if err != nil {
		fail(w, http.StatusBadRequest, "%v", err)
		return
	}
	var mu sync.Mutex
	var out counted
	var asked sync.WaitGroup
	for _, node := range a.members("") {
		if node == a.self {
			continue
		}
		asked.Go(func() {
			got, err := a.cluster.ask(r.Context(), node, message{Ask: askCount, Query: f.selection()})
			mu.Lock()
			defer mu.Unlock()
			if out.Count += got.Count; err != nil || got.Status != http.StatusOK {
				out.Missing = append(out.Missing, node)
			}
		})
	}
	here := a.countHere(r.Context(), f)
	asked.Wait()
	if r.Context().Err() != nil {
		return
	}
	out.Count += here
	slices.Sort(out.Missing)
	answer(w, out)
}

// countHere counts the leases of this node.
func (a *api) countHere(ctx context.Context, f filter) (n int) {
	for range a.leases(ctx, f, "", 0) {
		n++
	}
	return n
}

func (a *api) show(w http.ResponseWriter, r *http.Request) {
	if l, ok := a.act(w, r, askShow, false); ok {
		answer(w, l)
	}
}

// found is a lease of a gate.
type found struct {
	gate string
	auth.LeaseInfo
}

// id returns the ID of a lease in this API.
func (f found) id() string { return f.gate + "." + f.ID }

// tokenHash returns the hash of the token in hexadecimal, or "" while no token is known.
func (f found) tokenHash() string {
	if f.TokenHash == [32]byte{} {
		return ""
	}
	return hex.EncodeToString(f.TokenHash[:])
}

// lease returns the lease with this ID, and its gate.
func (a *api) lease(id string) (*auth.Gate, found, bool) {
	name, local, _ := strings.Cut(id, ".")
	gate := a.gates[name]
	if gate == nil {
		return nil, found{}, false
	}
	l, ok := gate.Lease(local)
	return gate, found{name, l}, ok
}
