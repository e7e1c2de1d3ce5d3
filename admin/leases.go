package admin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
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

// A filter selects leases by the query of a request.
type filter struct {
	query
	match     auth.Match // used if indexed is set
	indexed   bool
	issuer    string
	hasIssuer bool
	namespace string
	state     auth.LeaseState
}

// leaseStates are the values of the parameter state.
var leaseStates = []auth.LeaseState{auth.LeaseHeld, auth.LeaseExamining, auth.LeaseGuest, auth.LeaseRunning, auth.LeaseEnding}

// parseFilter reads a query that may have the members of a filter and more.
func parseFilter(rawQuery string, more ...string) (f filter, err error) {
	q, err := parseQuery(rawQuery, append([]string{"issuer", "subject", "tokenId", "sessionId", "tokenHash", "namespace", "state", "gate"}, more...)...)
	if err != nil {
		return f, err
	}
	f.query = q
	f.issuer, f.hasIssuer = q.values.Get("issuer"), q.values.Has("issuer")
	f.namespace, f.state = q.values.Get("namespace"), auth.LeaseState(q.values.Get("state"))
	if f.state != "" && !slices.Contains(leaseStates, f.state) {
		return f, fmt.Errorf("unknown state %q; use one of %v", f.state, leaseStates)
	}
	return f, f.parseMatch(q.values)
}

// query is the query of a list.
type query struct {
	values url.Values
	gate   string
	after  string // an ID: that of a gate, a dot, and one of that gate
	limit  int
}

// parseQuery reads a query with some known parameters. A parameter that is unknown or given
// twice is an error, so that a typing error does not select everything.
func parseQuery(rawQuery string, known ...string) (q query, err error) {
	q.limit = defaultLimit
	q.values, err = url.ParseQuery(rawQuery)
	if err != nil {
		return q, errors.New("the query is not valid")
	}
	for name, given := range q.values {
		switch {
		case !slices.Contains(known, name):
			return q, fmt.Errorf("unknown parameter %q; use %s", name, strings.Join(known, ", "))
		case len(given) > 1:
			return q, fmt.Errorf("the parameter %s is given %d times; give it once", name, len(given))
		case given[0] == "" && name != "issuer":
			return q, fmt.Errorf("the parameter %s is empty; leave it out", name)
		}
	}
	q.gate, q.after = q.values.Get("gate"), q.values.Get("after")
	if q.values.Has("limit") {
		q.limit, err = strconv.Atoi(q.values.Get("limit"))
		if err != nil || q.limit < 1 || q.limit > maxLimit {
			return q, fmt.Errorf("the parameter limit must be a number from 1 to %d", maxLimit)
		}
	}
	return q, nil
}

// parseMatch reads the parameters by which the gate has an index.
func (f *filter) parseMatch(values url.Values) error {
	for name, match := range map[string]func(issuer, value string) auth.Match{
		"subject": auth.BySubject, "tokenId": auth.ByTokenID, "sessionId": auth.BySession,
	} {
		if !values.Has(name) {
			continue
		}
		if f.indexed {
			return errors.New("use only one of the parameters subject, tokenId, sessionId and tokenHash")
		}
		if !f.hasIssuer {
			return fmt.Errorf("the parameter %s needs the parameter issuer, which may be empty for tokens without iss", name)
		}
		f.match, f.indexed = match(f.issuer, values.Get(name)), true
	}
	if !values.Has("tokenHash") {
		return nil
	}
	if f.indexed {
		return errors.New("use only one of the parameters subject, tokenId, sessionId and tokenHash")
	}
	hash, err := hex.DecodeString(values.Get("tokenHash"))
	if err != nil || len(hash) != 32 {
		return errors.New("the parameter tokenHash must be 64 hexadecimal digits")
	}
	f.match, f.indexed = auth.ByHash([32]byte(hash)), true
	return nil
}

// selection returns the query of f without its page, for another node.
func (f *filter) selection() string {
	values := maps.Clone(f.values)
	values.Del("after")
	values.Del("limit")
	return values.Encode()
}

// leases returns selected leases of this node. If most is positive, they are the first ones after
// an ID, at least so many if there are, in the order of their gates and IDs; otherwise they are all,
// in no order. It ends early if ctx ends.
func (a *api) leases(ctx context.Context, f filter, after string, most int) iter.Seq[found] {
	return func(yield func(found) bool) {
		gate, after, _ := strings.Cut(after, ".")
		n := 0
		for _, name := range a.names {
			if name < gate || f.gate != "" && name != f.gate {
				continue
			}
			if name > gate {
				after = ""
			}
			for l := range f.leasesOf(a.gates[name], after, most) {
				if n++; n%256 == 0 && ctx.Err() != nil || f.selects(l) && !yield(found{name, l}) {
					return
				}
			}
		}
	}
}

// leasesOf returns leases of a gate after an ID that match, as leases does.
func (f *filter) leasesOf(g *auth.Gate, after string, most int) iter.Seq[auth.LeaseInfo] {
	switch {
	case !f.indexed:
		return g.LeasesAfter(after)
	case most <= 0:
		return g.LeasesOf(f.match)
	}
	first := firstLeases{most: most}
	for l := range g.LeasesOf(f.match) {
		if l.ID > after && f.selects(l) {
			first.add(l)
		}
	}
	return slices.Values(first.sorted())
}

// selects reports whether a lease has what the index does not know.
func (f *filter) selects(l auth.LeaseInfo) bool {
	return (!f.hasIssuer || l.Issuer == f.issuer) &&
		(f.namespace == "" || l.Namespace == f.namespace) &&
		(f.state == "" || l.State == f.state)
}
