package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// inherited holds the listeners that the service manager has opened for this process
// (sd_listen_fds), by the flag that each replaces.
type inherited map[string][]net.Listener

// inheritListeners takes over the listeners. A socket named "admin" or "metrics"
// (FileDescriptorName= of the socket unit) replaces --admin or --metrics, and any other --addr.
func inheritListeners() (inherited, error) {
	listeners := make(inherited)
	files := activation.Files(true)
	if err := checkNames(files); err != nil {
		for _, file := range files {
			_ = file.Close()
		}
		return nil, err
	}
	for _, file := range files {
		flag := "--addr"
		if name := file.Name(); name == "admin" || name == "metrics" {
			flag = "--" + name
		}
		listener, err := net.FileListener(file) // a copy
		_ = file.Close()
		if err != nil {
			closeInherited(listeners)
			return nil, fmt.Errorf("socket %s from the service manager: %w", file.Name(), err)
		}
		listeners[flag] = append(listeners[flag], listener)
		if _, ok := listener.Addr().(*net.TCPAddr); !ok {
			closeInherited(listeners)
			return nil, fmt.Errorf("socket %s from the service manager: it must listen on TCP, as ListenStream=443 does", file.Name())
		}
	}
	return listeners, nil
}

// checkNames returns an error if sockets of several units would replace --addr: one of them may be
// meant for operators, and would serve clients. A unit without FileDescriptorName= gives its own
// name to its sockets. A service manager that gives no names leaves LISTEN_FD_3 and so on.
func checkNames(files []*os.File) error {
	var names []string
	for _, file := range files {
		switch name := file.Name(); {
		case name == "admin", name == "metrics", strings.HasPrefix(name, "LISTEN_FD_"):
		case !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	if len(names) > 1 {
		return fmt.Errorf("the service manager has opened sockets of several units, and all of them would replace --addr: %s; set FileDescriptorName= of each unit to addr, admin or metrics", strings.Join(names, ", "))
	}
	return nil
}

func closeInherited(listeners inherited) {
	for _, all := range listeners {
		closeAll(all)
	}
}

// listen returns the listeners for a flag: those that were inherited, or new ones on addr.
func (a *assembly) listen(ctx context.Context, flag, addr string) ([]net.Listener, error) {
	if listeners := a.inherited[flag]; listeners != nil {
		delete(a.inherited, flag)
		a.activated = a.activated || flag == "--addr"
		return listeners, nil
	}
	return listen(ctx, flag, addr)
}

// checkInherited returns an error if a listener was inherited that no part has taken.
func checkInherited(_ context.Context, a *assembly) error {
	for flag := range a.inherited {
		return fmt.Errorf("the service manager has opened a socket for %s, which is not set", flag)
	}
	return nil
}

// startInheriting takes over the listeners that the service manager has opened.
func startInheriting(_ context.Context, a *assembly) error {
	listeners, err := inheritListeners()
	if err != nil {
		return err
	}
	a.inherited = listeners
	a.closing(func() { closeInherited(a.inherited) }) // those that no part has taken
	return nil
}

// A supervisor is the service manager that has started this process, such as systemd. It is told
// about the state of the server (sd_notify). Without one, nothing is sent.
type supervisor struct {
	log    *slog.Logger
	failed sync.Once

	mu    sync.Mutex
	ready bool // it has been told so
}

// tell sends assignments. A failure is logged once and does not keep the server from running.
func (s *supervisor) tell(assignments ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(assignments, "\n")); err != nil {
		s.failed.Do(func() { s.log.Warn("the service manager cannot be told about the state", "cause", err) })
	}
}

// report tells why the server is not ready. The start has ended when it is ready for the first
// time. During a reload, which may wait for issuers, it tells nothing and reports false, so that the
// watchdog does not wait too.
func (s *supervisor) report(reasons []string) bool {
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	switch {
	case len(reasons) > 0:
		s.tell("STATUS=not ready: " + strings.Join(reasons, ", "))
	case s.ready:
		s.tell("STATUS=ready")
	default:
		s.ready = true
		s.tell(daemon.SdNotifyReady, "STATUS=ready")
	}
	return true
}

// reload calls f, and tells the supervisor that the configuration is being reloaded meanwhile.
func (s *supervisor) reload(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready {
		s.tell(daemon.SdNotifyReloading, strings.TrimSuffix(daemon.SdNotifyMonotonicUsec(), "\n"))
		defer s.tell(daemon.SdNotifyReady)
	}
	f()
}

// stopping tells that the shutdown has begun, and how long it may take at most.
func (s *supervisor) stopping(most time.Duration) {
	const tolerance = 5 * time.Second
	s.tell(daemon.SdNotifyStopping, fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (most+tolerance).Microseconds()), "STATUS=draining")
}

// watch logs when the server becomes ready and when it stops being ready, tells the supervisor, and
// keeps its watchdog quiet as long as the server answers. It ends when the returned function is
// called.
func (a *assembly) watch() (stop func()) {
	interval := 500 * time.Millisecond
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		a.log.Warn("no watchdog", "cause", err)
	}
	if watchdog > 0 {
		interval = min(interval, watchdog/3)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		last := reasons[starting]
		for ctx.Err() == nil {
			last = a.compare(last)
			if watchdog > 0 {
				a.server.Stats() // blocks if the server does
				a.supervisor.tell(daemon.SdNotifyWatchdog)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// compare reports a change of the reasons for which the server is not ready. It returns the
// present ones.
func (a *assembly) compare(last string) string {
	missing := a.health.missing()
	now := strings.Join(missing, ", ")
	switch {
	case now == last, slices.Contains(missing, reasons[draining]): // stop has reported that
		return now
	case !a.supervisor.report(missing):
		return last
	case now == "":
		a.log.Info("ready")
	default:
		a.log.Warn("not ready", "reasons", now)
	}
	return now
}
