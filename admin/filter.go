package admin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"socketiojwt/auth"
)

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
