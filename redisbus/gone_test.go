package redisbus_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// process is a node that is a process of its own.
type process struct {
	*exec.Cmd
	id socketio.NodeID
}

// child starts a node as a process, and waits until it has joined.
func child(t *testing.T, redis *redistest.Server) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0])}
	p.Env = append(os.Environ(), "REDISBUS_TEST_NODE_OF="+redis.Addr())
	p.Stderr = os.Stderr
	stdin, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Signal(syscall.SIGCONT)
		_ = stdin.Close()
		_ = p.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	p.id = socketio.NodeID(strings.TrimSpace(line))
	return p
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	if s != syscall.SIGSTOP {
		return
	}
	redistest.Eventually(t, "the process is stopped", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Process.Pid))
		return err == nil && strings.Contains(string(stat), ") T ")
	})
}

// fetch fetches all sockets, and returns how long that took and what was missing.
func (n *node) fetch() (took time.Duration, partial *socketio.PartialError) {
	n.t.Helper()
	began := time.Now()
	_, err := n.FetchSockets(context.Background()) // without a deadline, it waits 5 seconds at most
	if err != nil && !errors.As(err, &partial) {
		n.t.Errorf("FetchSockets: %v", err)
	}
	return time.Since(began), partial
}

func (p *process) describe(partial *socketio.PartialError) string {
	if partial == nil {
		return "all"
	}
	return fmt.Sprintf("%d of %d, it is missing: %t", partial.Answered, partial.Nodes, len(partial.Missing) == 1 && partial.Missing[0] == p.id)
}

// A node that is stopped costs no request more than the time in which its silence is noticed,
// and is then named as missing at once. When it goes on, it is a node like the others again.
func TestStoppedNode(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	a := start(t, redis.Addr(), redisbus.Options{}, open)
	start(t, redis.Addr(), redisbus.Options{}, open)
	p := child(t, redis)
	if took, partial := a.fetch(); took > time.Second || partial != nil {
		t.Errorf("before: %s after %v", p.describe(partial), took)
	}
	p.signal(t, syscall.SIGSTOP)
	if took, partial := a.fetch(); took > 5*time.Second || p.describe(partial) != "1 of 2, it is missing: true" {
		t.Errorf("stopped: %s after %v", p.describe(partial), took)
	}
	if took, partial := a.fetch(); took > time.Second || p.describe(partial) != "1 of 2, it is missing: true" {
		t.Errorf("known to be stopped: %s after %v", p.describe(partial), took)
	}
	p.signal(t, syscall.SIGCONT)
	redistest.Eventually(t, "the node is heard again", func() bool { return len(a.bus.Nodes()) == 2 })
	if took, partial := a.fetch(); took > time.Second || partial != nil {
		t.Errorf("afterwards: %s after %v", p.describe(partial), took)
	}
}

// A node that is killed while it is asked costs less than a second, and is no longer counted
// afterwards.
func TestKilledNodes(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	a := start(t, redis.Addr(), redisbus.Options{}, open)
	for range 3 {
		p := child(t, redis)
		p.signal(t, syscall.SIGSTOP) // so that it does not answer
		sent := a.bus.Health().Sent  // does not count heartbeats, which Redis does
		done := make(chan string)
		go func() {
			took, partial := a.fetch()
			done <- fmt.Sprint(p.describe(partial), ", quick: ", took < 2*time.Second)
		}()
		redistest.Eventually(t, "the request is on its way", func() bool { return a.bus.Health().Sent > sent })
		p.signal(t, syscall.SIGKILL)
		if got, want := <-done, "0 of 1, it is missing: true, quick: true"; got != want {
			t.Errorf("killed: %s, want %s", got, want)
		}
		if took, partial := a.fetch(); took > time.Second || partial != nil {
			t.Errorf("afterwards: %s after %v", p.describe(partial), took)
		}
	}
}

// A client of Redis that listens on the request channel, and so looks like a node, costs one
// request the time to find out. A node that leaves is not waited for.
func TestSpyOnRequests(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	a, b := start(t, redis.Addr(), redisbus.Options{}, open), start(t, redis.Addr(), redisbus.Options{}, open)
	spy := redis.Subscribe("socket.io-request#/#")
	defer spy.Close()
	settle(t, redis, 3, "socket.io-request#/#")
	if _, partial := a.fetch(); partial == nil || partial.Answered != 1 || partial.Nodes != 2 {
		t.Errorf("the first request: %v", partial)
	}
	for range 3 {
		if took, partial := a.fetch(); took > time.Second || partial != nil {
			t.Errorf("a later request: %v after %v", partial, took)
		}
	}
	ctx, cancel := context.WithTimeout(a.ctx, time.Second)
	defer cancel()
	if answers, err := a.ServerSideEmitWithAck(ctx, "unknown"); err != nil || len(answers) > 0 {
		t.Errorf("a server-side event: %v, %v", answers, err)
	}
	_ = b.Close()
	redistest.Eventually(t, "the node has left", func() bool { return len(a.bus.Nodes()) == 0 })
	if took, partial := a.fetch(); took > time.Second || partial != nil {
		t.Errorf("without other nodes: %v after %v", partial, took)
	}
}
