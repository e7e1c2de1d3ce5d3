package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// trusting is the verifier of gates. SIGHUP replaces what it trusts.
type trusting struct {
	what  string // for the log
	rules atomic.Pointer[ruleset]
}

// ruleset is a verifier, and what it was made from. It does not change.
type ruleset struct {
	verifier  *token.Verifier
	published published
	print     [sha256.Size]byte // of the flags, and of the content of the files that they name
}

// Verify implements auth.Verifier. A token that was being verified while the rules were replaced
// is verified again, so that no result of the old rules is returned after replace has returned.
func (t *trusting) Verify(ctx context.Context, compact string) (*token.Token, error) {
	for {
		now := t.rules.Load()
		good, err := now.verifier.Verify(ctx, compact)
		if t.rules.Load() == now || ctx.Err() != nil && err != nil {
			return good, err
		}
	}
}

// Unwrap returns the verifier for now: see auth.Verifier.
func (t *trusting) Unwrap() *token.Verifier { return t.rules.Load().verifier }

// keySets returns the sets of keys of issuers that are in use.
func (t *trusting) keySets() []*jwks.Set { return t.rules.Load().published }

// keysAvailable reports whether keys are there to verify the tokens of a namespace. Rules that no
// namespace uses, such as those for operators, do not count. It may be called concurrently once the
// parts have started.
func (a *assembly) keysAvailable() bool {
	available := func(n servedNamespace) bool { return n.verifier.rules.Load().published.available() }
	return len(a.served) == 0 || slices.ContainsFunc(a.served, available)
}

// close ends the fetching of keys.
func (t *trusting) close() { t.rules.Load().published.close() }

// fingerprint returns a hash of the flags and of the files that they name.
func (t trust) fingerprint() (print [sha256.Size]byte, err error) {
	secret, _, err := t.secret()
	if err != nil {
		return print, err
	}
	var public []byte
	if t.PublicKey != "" {
		if public, err = os.ReadFile(t.PublicKey); err != nil {
			return print, fmt.Errorf("--public-key: %w", err)
		}
	}
	text, err := json.Marshal([]any{t, secret, public})
	return sha256.Sum256(text), err
}

// rulesOf returns the rules for flags that name an issuer or a key.
func (t trust) rulesOf(sets jwks.Options) (*ruleset, error) {
	print, err := t.fingerprint()
	if err != nil {
		return nil, err
	}
	key, given, err := t.key()
	switch {
	case err != nil:
		return nil, err
	case t.publishes(given):
		verifier, published, err := t.published(sets)
		return &ruleset{verifier, published, print}, err
	case !given:
		return nil, errors.New("--issuer and --audience name another issuer, and its key is missing: give --issuer as the URL where it publishes its keys, --public-key FILE, or its secret by --secret-file")
	}
	verifier, err := t.verifier(key)
	return &ruleset{verifier, nil, print}, err
}

// newTrusting returns a verifier that SIGHUP changes. The rules of a reload are made by again.
// It may also return a function that runs when they replace the old ones.
func (a *assembly) newTrusting(what string, first *ruleset, again func(next *serveCommand) (*ruleset, func(), error)) *trusting {
	t := &trusting{what: what}
	t.rules.Store(first)
	a.trusted = append(a.trusted, t)
	a.closing(t.close)
	a.reloading(what, func(ctx context.Context, next *serveCommand) (func(), error) {
		fresh, also, err := again(next)
		if err != nil {
			return nil, err
		}
		now := t.rules.Load()
		if fresh.print == now.print {
			fresh.published.close()
			return func() { now.published.fetch(ctx, a.log) }, nil
		}
		a.abandon = append(a.abandon, fresh.published.close)
		if err := joined(a.replaceable(t, now, fresh), fresh.published.reach(ctx)); err != nil {
			return nil, err
		}
		return func() {
			if also != nil {
				also()
			}
			a.replace(t, fresh)
		}, nil
	})
	return t
}

// replaceable returns an error if gates cannot go on with other rules.
func (a *assembly) replaceable(t *trusting, now, fresh *ruleset) error {
	for _, served := range a.served {
		if served.verifier == t && len(served.table.Room) > 0 && now.verifier.ManyIssuers() != fresh.verifier.ManyIssuers() {
			return fmt.Errorf("namespace %s has rooms that follow from tokens, and their names have the issuer only if there are several: a change between one issuer and several needs a restart", served.table.Name)
		}
	}
	return nil
}

const (
	// settling is how long a token may take from the verifier to the index of its gate. There is
	// no I/O between the two.
	settling = time.Second
	// endSpread is the longest period over which sockets end that other rules have admitted, and
	// endPause the longest time between two. They do not end at once, because their clients
	// reconnect a second later.
	endSpread = 10 * time.Second
	endPause  = 10 * time.Millisecond
)

// replace makes a verifier use other rules, and ends the sockets that it has admitted before, also
// while the server drains.
func (a *assembly) replace(t *trusting, fresh *ruleset) {
	old := t.rules.Swap(fresh)
	old.published.close()
	a.log.Warn("keys or rules for tokens replaced: tokens that they do not accept are refused from now on", "of", t.what)
	replaced := time.Now()
	var gates []*auth.Gate
	for _, served := range a.served {
		if served.verifier == t {
			gates = append(gates, served.gate)
		}
	}
	if len(gates) == 0 {
		return
	}
	a.log.Warn("sockets of replaced keys or rules end, and their clients reconnect", "of", t.what, "within", settling+endSpread)
	a.running.Go(func() {
		if sleep(a.life, settling) != nil {
			return
		}
		ended := endOlder(a.life, gates, replaced.Add(settling))
		a.log.Info("sockets of replaced keys or rules have ended", "of", t.what, slog.Int("sockets", ended))
	})
}

// retired ends a socket whose token was accepted by keys or rules that are not in use any more.
var retired = &socketio.Ending{Temporary: true, WholeConnection: true, Err: errors.New("the keys or rules for tokens were replaced")}

// endOlder ends the sockets whose tokens were verified before a time, one after the other. Their clients reconnect by themselves.
func endOlder(ctx context.Context, gates []*auth.Gate, before time.Time) (ended int) {
	type socket struct {
		gate *auth.Gate
		id   string
	}
	var old []socket
	for _, gate := range gates {
		for info := range gate.Leases() {
			if info.TokenHash != [sha256.Size]byte{} && info.Since.Before(before) {
				old = append(old, socket{gate, info.ID})
			}
		}
	}
	began := time.Now()
	for i, s := range old {
		due := began.Add(time.Duration(i) * min(endPause, endSpread/time.Duration(len(old))))
		if sleep(ctx, time.Until(due)) != nil {
			return ended
		}
		if s.gate.Disconnect(s.id, retired) {
			ended++
		}
	}
	return ended
}

// sleep waits, or returns the error of a context that has ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
