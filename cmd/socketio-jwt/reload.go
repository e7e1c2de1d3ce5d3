package main

import (
	"context"
	"os"

	"socketiojwt/internal/doctor"
)

// arguments are the words of the command line, which are read again at SIGHUP.
type arguments []string

// reloadable is something of a running server that can change without a restart.
type reloadable struct {
	what    string // for the log, such as "--tls-cert"
	prepare func(ctx context.Context, next *serveCommand) (apply func(), err error)
}

// reloading registers something that changes at SIGHUP. Prepare gets the new flags, which have
// been checked. It reads the files that they name, and changes nothing. If all parts have
// prepared without an error, each apply that is not nil is called. An apply that changes
// something logs what.
func (a *assembly) reloading(what string, prepare func(ctx context.Context, next *serveCommand) (apply func(), err error)) {
	a.reloads = append(a.reloads, reloadable{what, prepare})
}

// reloadAt reloads at each of the signals until the returned function is called. It calls quit if
// the signal says that the terminal was closed in which the process was started.
func (a *assembly) reloadAt(ctx context.Context, hangups <-chan os.Signal, args arguments, quit func()) (stop func()) {
	var end func()
	a.life, end = context.WithCancel(context.WithoutCancel(ctx))
	ctx, cancel := context.WithCancel(ctx)
	attended := hasTerminal()
	a.running.Go(func() {
		for {
			select {
			case <-hangups:
				if attended && !hasTerminal() {
					a.log.Info("terminal closed")
					quit()
					return
				}
				a.supervisor.reload(func() { a.reload(ctx, args) })
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		end()
		a.running.Wait()
	}
}

// hasTerminal reports whether the process has a controlling terminal.
func hasTerminal() bool {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	_ = terminal.Close()
	return true
}

// reload reads the configuration again. If anything is wrong with it, nothing changes.
func (a *assembly) reload(ctx context.Context, args arguments) {
	next, err := readAgain(args)
	if err == nil {
		err = next.check()
	}
	var applies []func()
	a.abandon = nil
	for _, r := range a.reloads {
		if err != nil {
			break
		}
		var apply func()
		if apply, err = r.prepare(ctx, next); err == nil && apply != nil {
			applies = append(applies, apply)
		}
	}
	if err != nil {
		for _, abandon := range a.abandon {
			abandon()
		}
		a.log.Error("configuration not reloaded: nothing has changed", "error", doctor.Plain(err))
		return
	}
	for _, apply := range applies {
		apply()
	}
	a.logChanges(next)
	a.log.Info("configuration reloaded")
}

// readAgain returns the flags of serve, as args, the environment and the file have them now.
func readAgain(args arguments) (*serveCommand, error) {
	var line commandLine
	if _, err := parse(&line, args); err != nil {
		return nil, err
	}
	return &line.Serve, nil
}

// reloadOrigins makes SIGHUP replace the origins of --origin.
func reloadOrigins(_ context.Context, a *assembly) error {
	a.reloading("--origin", func(_ context.Context, next *serveCommand) (func(), error) {
		return func() { _ = a.server.SetOrigins(next.Origin) }, nil // next was checked
	})
	return nil
}

// logChanges logs each value that the new configuration changes. Values that changed nothing
// because they need a restart are kept, so that they are logged again at the next SIGHUP.
func (a *assembly) logChanges(next *serveCommand) {
	for _, c := range changes(a.command.settings, next.settings) {
		attrs := []any{"key", c.name, "old", c.old, "new", c.new}
		if !c.reload {
			a.log.Warn("setting not changed: it needs a restart", attrs...)
			continue
		}
		a.log.Info("setting changed", attrs...)
		a.command.settings[c.name] = next.settings[c.name]
	}
	for _, table := range next.namespaces {
		if named(a.command.tables(), table.Name) == nil {
			a.log.Warn("namespace not added: it needs a restart", "namespace", table.Name)
		}
	}
	for _, table := range a.command.namespaces {
		a.logNamespace(table, named(next.tables(), table.Name))
	}
}

// logNamespace logs what differs between a namespace that is served and its new table, which is nil
// if there is none any more.
func (a *assembly) logNamespace(table, next *namespaceTable) {
	if next == nil {
		a.log.Warn("namespace not removed: it needs a restart", "namespace", table.Name)
		return
	}
	was, _ := settingsOf(table.flags())
	is, _ := settingsOf(next.flags())
	for _, c := range changes(was, is) {
		attrs := []any{"namespace", table.Name, "key", c.name, "old", c.old, "new", c.new}
		if c.reload && table.own() {
			a.log.Info("setting changed", attrs...)
		} else {
			a.log.Warn("setting not changed: it needs a restart", attrs...)
		}
	}
	if table.own() {
		table.trust = next.trust
	}
}

// reloadLevel makes SIGHUP change --log-level.
func reloadLevel(_ context.Context, a *assembly) error {
	a.reloading("--log-level", func(_ context.Context, next *serveCommand) (func(), error) {
		return func() { a.level.Set(next.LogLevel) }, nil
	})
	return nil
}
