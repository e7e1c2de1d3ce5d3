package redistest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// patience is how long a server may take to do something on a busy machine.
const patience = 60 * time.Second

// A process is a running redis-server.
type process struct {
	pid    int
	exited chan struct{} // closed when the process has ended
}

// spawn starts redis-server. The thread that starts it waits for it, because on Linux the kernel
// kills the process when that thread ends.
func spawn(args []string) (*process, error) {
	path, err := exec.LookPath(program())
	if err != nil {
		return nil, fmt.Errorf("%w: install Debian's package redis-server, run scripts/test.sh, or set REDIS_SERVER: %w", err, errFinal)
	}
	cmd := exec.Command(path, args...)
	cmd.SysProcAttr = dieWithParent()
	p := &process{exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(p.exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%w: %w", err, errFinal)
	}
	p.pid = cmd.Process.Pid
	return p, nil
}

func program() string {
	if path := os.Getenv("REDIS_SERVER"); path != "" {
		return path
	}
	return "redis-server"
}

// wait reports whether the process ends in time.
func (p *process) wait() bool {
	select {
	case <-p.exited:
		return true
	case <-time.After(patience):
		return false
	}
}

func (p *process) kill() {
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	p.wait()
}

// freePort returns a port on which nothing listens, and which no other test gets until t has ended:
// a server that is stopped for a while gets its own port again. It is below the range from which
// connections take theirs: otherwise a client that dials a stopped server could be given the
// server's own port.
func freePort(t testing.TB) int {
	t.Helper()
	for range 1000 {
		port := 10_000 + rand.IntN(22_000)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		// Redis does not use UDP, so a UDP socket shows the tests of other processes that the port is taken.
		guard, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			_ = guard.Close()
			continue
		}
		_ = l.Close()
		t.Cleanup(func() { _ = guard.Close() })
		return port
	}
	t.Fatal("redistest: no free port between 10000 and 32000")
	return 0
}

// errFinal ends eventually at once.
var errFinal = errors.New("giving up")

// eventually calls f until it succeeds, fails with errFinal, or patience ends. It returns f's last
// error.
func eventually(f func() error) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := f()
		if err == nil || errors.Is(err, errFinal) || time.Now().After(deadline) {
			return err
		}
	}
}

// Eventually waits until ok returns true, and fails the test if it does not within a minute. What
// says in the failure what was awaited. Ok is called every 5 ms by the goroutine of the test.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if eventually(func() error {
		if !ok() {
			return errors.New(what)
		}
		return nil
	}) != nil {
		t.Fatalf("not within %v: %s", patience, what)
	}
}
