package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// A Server is a redis-server process that belongs to a test.
type Server struct {
	t      testing.TB
	dir    string
	port   int
	file   string   // the file of its configuration
	flags  []string // arguments after the file
	frozen bool

	process *process // nil when it does not run

	mu   sync.Mutex
	conn *conn // for Do; nil before the first command and after an error
}

// Start starts a server and returns when it answers commands. Each conf is a line of
// redis.conf, for example "maxmemory 10mb". The user "redistest" may do everything and is the one
// that the methods of Server use, so a line may take rights away from the user "default".
func Start(t testing.TB, conf ...string) *Server {
	t.Helper()
	return launch(t, nil, func(int) []string { return append(ordinary(), conf...) })
}

// launch starts a server on a free port. Lines returns its configuration beside what every server
// has, for a port: if another process takes the port first, another port is tried.
func launch(t testing.TB, flags []string, lines func(port int) []string) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), flags: flags}
	s.file = filepath.Join(s.dir, "redis.conf")
	t.Cleanup(s.end)
	for attempt := 1; ; attempt++ {
		s.port = freePort(t)
		conf := append([]string{
			"bind 127.0.0.1", "port " + strconv.Itoa(s.port), "dir " + s.dir, "daemonize no",
			"logfile " + s.logFile(), "user " + admin + " on nopass ~* &* +@all",
		}, lines(s.port)...)
		if err := os.WriteFile(s.file, []byte(strings.Join(conf, "\n")+"\n"), 0o600); err != nil {
			t.Fatalf("redistest: %v", err)
		}
		err := s.start()
		if err == nil {
			return s
		}
		if attempt == 10 || !strings.Contains(s.Log(), "Address already in use") {
			t.Fatalf("redistest: %v\n%s", err, s.Log())
		}
	}
}

// ordinary returns the lines of a server that is not a sentinel.
func ordinary() []string {
	return []string{`save ""`, "appendonly no", "repl-diskless-sync-delay 0"}
}

// start starts the process and waits until it answers.
func (s *Server) start() error {
	p, err := spawn(append([]string{s.file}, s.flags...))
	if err != nil {
		return err
	}
	s.process, s.frozen = p, false
	if err := s.ready(); err != nil {
		s.end()
		return err
	}
	return nil
}

// ready waits until the process answers. It asks for the id of the process, because a server of
// another test may listen on the port.
func (s *Server) ready() error {
	return eventually(func() error {
		select {
		case <-s.process.exited:
			return fmt.Errorf("redis-server ended: %w", errFinal)
		default:
		}
		info, err := s.info("server")
		if err != nil {
			return err
		}
		if info["process_id"] != strconv.Itoa(s.process.pid) {
			return fmt.Errorf("another server listens on port %d: %w", s.port, errFinal)
		}
		return nil
	})
}

// Addr returns the server's address, "127.0.0.1:PORT".
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Port returns the server's port.
func (s *Server) Port() int { return s.port }

// PID returns the id of the server's process, or 0 if it does not run.
func (s *Server) PID() int {
	if s.process == nil {
		return 0
	}
	return s.process.pid
}

// Log returns what the server has logged.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "redis.log") }

// Stop shuts the server down in order: it closes its connections and exits. Data is lost, unless
// the configuration has "appendonly yes". It has no effect on a server that does not run.
func (s *Server) Stop() {
	s.t.Helper()
	if s.process == nil {
		return
	}
	s.Thaw()
	s.signal(syscall.SIGTERM)
	if !s.process.wait() {
		s.t.Fatalf("redistest: the server on port %d does not end\n%s", s.port, s.Log())
	}
	s.end()
}

// Kill ends the process at once by SIGKILL.
func (s *Server) Kill() { s.end() }

// Restart stops the server if it runs, and starts it on the same port with the same configuration.
func (s *Server) Restart() {
	s.t.Helper()
	s.Stop()
	// The port may be taken for a moment, by a connection that a client is making to it.
	err := eventually(func() error { return s.start() })
	if err != nil {
		s.t.Fatalf("redistest: starting again on port %d: %v\n%s", s.port, err, s.Log())
	}
}

// Freeze stops the process by SIGSTOP: its connections stay open, and nothing is answered until
// Thaw. Until then no other method may be used, except Stop, Kill and Restart.
func (s *Server) Freeze() {
	s.t.Helper()
	s.signal(syscall.SIGSTOP)
	s.frozen = true
}

// Thaw lets a frozen process continue. It has no effect on one that is not frozen.
func (s *Server) Thaw() {
	s.t.Helper()
	if s.frozen {
		s.signal(syscall.SIGCONT)
		s.frozen = false
	}
}

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if s.process == nil {
		s.t.Fatalf("redistest: the server on port %d does not run", s.port)
	}
	if err := syscall.Kill(s.process.pid, sig); err != nil {
		s.t.Fatalf("redistest: signal %v to the server on port %d: %v", sig, s.port, err)
	}
}

// end kills the process, if it runs, and closes the connection for commands.
func (s *Server) end() {
	s.hangUp()
	if s.process != nil {
		s.process.kill()
		s.process = nil
	}
}
