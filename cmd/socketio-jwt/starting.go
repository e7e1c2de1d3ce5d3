package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"

	"socketiojwt/console"
	"socketiojwt/socketio"
	"socketiojwt/token/jwks"
)

// check implements part.
func (c *configuration) check(serve *serveCommand) error {
	issuer, rules, err := c.rules(silent, jwks.Options{Logger: silent})
	if err == nil {
		rules.published.close()
		err = c.checkKeys(serve.accepted(issuer))
	}
	_, _, addrErr := net.SplitHostPort(c.Addr)
	if addrErr != nil {
		addrErr = fmt.Errorf("--addr %s: it must be HOST:PORT", c.Addr)
	}
	_, clusterErr := c.cluster()
	return joined(err, addrErr, clusterErr, c.checkEngine(serve), c.checkTables(serve))
}

// checkEngine returns an error for wrong options of connections, such as an origin.
func (c *configuration) checkEngine(serve *serveCommand) error {
	server, err := socketio.NewServer(serve.sockets(socketio.Options{Logger: silent}))
	if err != nil {
		return errors.New(strings.NewReplacer("engineio: Options.Origins", "--origin", "engineio: ", "", "socketio: ", "").Replace(err.Error()))
	}
	return server.Close()
}

// checkTables returns what is wrong with the namespaces of the file.
func (c *configuration) checkTables(serve *serveCommand) error {
	var wrong []error
	given := c.outside() || c.Secret != nil || c.SecretFile != ""
	others := slices.ContainsFunc(serve.namespaces, (*namespaceTable).own)
	for i, table := range serve.namespaces {
		err := table.check(serve.namespaces[:i])
		if err == nil && others && !given && inherits(table) {
			err = fmt.Errorf("namespace %s has no rules for tokens (issuer, public-key or secret-file), unlike others of the file, and neither have the flags: it would accept those of the development issuer", table.Name)
		}
		if err == nil {
			err = table.checkTrust()
		}
		for _, one := range problemsOf(err) {
			wrong = append(wrong, &problem{table.where, one})
		}
	}
	return joined(wrong...)
}

// rules returns the rules of the flags, and the development issuer, which is nil if another one
// makes the tokens.
func (c *configuration) rules(log *slog.Logger, sets jwks.Options) (*issuer, *ruleset, error) {
	print, err := c.fingerprint() // before keys, so that a file that changes between is read again at the next SIGHUP
	if err != nil {
		return nil, nil, err
	}
	key, issuer, err := c.keys(log)
	if err != nil {
		return nil, nil, err
	}
	verifier, published, err := c.verifierOf(key, sets)
	return issuer, &ruleset{verifier, published, print}, err
}

// start implements part. It makes the verifier and the development issuer.
func (c *configuration) start(_ context.Context, a *assembly) error {
	sets := a.keySets
	sets.Logger = a.log
	issuer, first, err := c.rules(a.log, sets)
	if err != nil {
		return err
	}
	a.issuer.Store(issuer)
	a.verifier = a.newTrusting("all namespaces without their own", first, func(next *serveCommand) (*ruleset, func(), error) {
		issuer, fresh, err := next.configuration.rules(silent, sets)
		if err == nil && (issuer == nil) != (a.issuer.Load() == nil) {
			fresh.published.close()
			err = errors.New("the development issuer begins and ends only with a restart (--secret, --public-key, --issuer, --audience, --no-login)")
		}
		return fresh, func() { a.issuer.Store(issuer) }, err
	})
	a.sockets = a.command.sockets(a.sockets)
	return nil
}

// accepted returns the development issuer, or nil if no namespace accepts its tokens.
func (c *serveCommand) accepted(i *issuer) *issuer {
	if !slices.ContainsFunc(c.tables(), inherits) {
		return nil
	}
	return i
}

// sockets adds what the flags say to the options of a server.
func (c *serveCommand) sockets(o socketio.Options) socketio.Options {
	o.Engine = c.engine(o.Engine)
	if c.Recovery > 0 {
		o.Recovery = &socketio.Recovery{Window: c.Recovery}
	}
	return o
}

// startPage adds the page, and the login of the development issuer.
func startPage(_ context.Context, a *assembly) error {
	page, err := console.Handler(a.command.page(a.issuer.Load()))
	if err != nil {
		return err
	}
	a.routes.Handle("/", page)
	a.routes.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) { a.issuer.Load().handler().ServeHTTP(w, r) })
	return nil
}

// startListeners opens the listeners of --addr.
func startListeners(ctx context.Context, a *assembly) error {
	listeners, err := a.listen(ctx, "--addr", a.command.Addr)
	if err != nil {
		return err
	}
	a.listeners = listeners
	a.closing(func() { closeAll(listeners) })
	return nil
}

// startNode joins the other nodes of --redis.
func startNode(ctx context.Context, a *assembly) error {
	nodes, err := a.command.cluster()
	if err != nil {
		return err
	}
	node, err := nodes.join(ctx, a)
	if err != nil {
		return err
	}
	a.node = node
	a.closing(node.leave)
	node.require(a.health)
	return nil
}

// startFetching fetches the keys of issuers before the first token needs them.
func startFetching(ctx context.Context, a *assembly) error {
	for _, r := range a.trusted {
		r.rules.Load().published.fetch(ctx, a.log)
	}
	return nil
}

// startSockets makes the server of sockets, with a gate for each namespace.
func startSockets(_ context.Context, a *assembly) error {
	if err := newSockets(a); err != nil {
		return err
	}
	a.closing(func() { _ = a.server.Close() })
	return nil
}

// startRoutes adds the handler of sockets. After it, nothing can be registered with the server.
func startRoutes(_ context.Context, a *assembly) error {
	handler, err := a.server.Handler()
	if err != nil {
		return err
	}
	a.routes.Handle("/socket.io/", handler)
	a.routes.Handle("/socket.io", handler) // for clients that omit the last slash
	return nil
}
