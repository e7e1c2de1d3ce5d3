package denyredis_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"socketiojwt/auth"
	"socketiojwt/auth/denyredis"
	"socketiojwt/internal/leaktest"
	"socketiojwt/internal/redistest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

var secret = []byte("a secret of all the nodes")

// options returns the options of a node.
func options(node string) denyredis.Options {
	return denyredis.Options{Keys: [][]byte{secret}, Node: node, Logger: slog.New(slog.DiscardHandler)}
}

// to returns how a list connects to a server.
func to(addr ...string) rueidis.ClientOption {
	return rueidis.ClientOption{InitAddress: addr, ConnWriteTimeout: inTime}
}

// start makes the list of a node, at an ordinary pace.
func start(t testing.TB, addr, node string) *denyredis.Denylist {
	t.Helper()
	return startWith(t, to(addr), options(node), denyredis.Pace{})
}

func startWith(t testing.TB, client rueidis.ClientOption, opts denyredis.Options, pace denyredis.Pace) *denyredis.Denylist {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), inTime)
	defer cancel()
	list, err := denyredis.Open(ctx, client, opts, pace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(t, list) })
	return list
}

// inTime bounds what a test waits for, on a busy machine.
const inTime = time.Minute

// closeAll closes lists at the same time, and fails the test if that takes too long.
func closeAll(t testing.TB, lists ...*denyredis.Denylist) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		var group sync.WaitGroup
		for _, list := range lists {
			group.Go(list.Close)
		}
		group.Wait()
	}()
	receive(t, done, "the lists are closed")
}

// receive receives from a channel, or fails the test if that takes too long.
func receive[T any](t testing.TB, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(inTime):
		stacks := make([]byte, 1<<20)
		t.Fatalf("not within %v: %s\n%s", inTime, what, stacks[:runtime.Stack(stacks, true)])
	}
	return v
}

// startAll makes the lists of nodes 0 to n-1.
func startAll(t testing.TB, addr string, n int) []*denyredis.Denylist {
	t.Helper()
	lists := make([]*denyredis.Denylist, n)
	for i := range lists {
		lists[i] = start(t, addr, fmt.Sprint("node ", i))
	}
	t.Cleanup(func() { closeAll(t, lists...) }) // before the cleanups that close one after the other
	return lists
}

// blockOf returns the block of a subject.
func blockOf(subject string) auth.Revocation {
	return auth.Revocation{Match: auth.BySubject("i", subject), Reason: "test", At: time.Now().UTC()}
}

func add(t testing.TB, list *denyredis.Denylist, r auth.Revocation) {
	t.Helper()
	if err := list.Add(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// tokenOf returns a token of a subject.
func tokenOf(t testing.TB, subject string) *token.Token {
	t.Helper()
	key, err := mint.Generate(token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := mint.Sign(key, map[string]any{"iss": "i", "sub": subject, "exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(key.Key(), token.Options{})
	if err != nil {
		t.Fatal(err)
	}
	verified, err := verifier.Verify(t.Context(), compact)
	if err != nil {
		t.Fatal(err)
	}
	return verified
}

// found reports whether a list has an entry for a subject. An error fails the test.
func found(t testing.TB, list *denyredis.Denylist, subject string) bool {
	t.Helper()
	_, ok, err := list.Find(t.Context(), tokenOf(t, subject))
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

// allFind waits until all lists find an entry for a subject.
func allFind(t testing.TB, lists []*denyredis.Denylist, subject string) {
	t.Helper()
	bad := tokenOf(t, subject)
	for i, list := range lists {
		redistest.Eventually(t, fmt.Sprintf("list %d has %s", i, subject), func() bool {
			_, ok, err := list.Find(t.Context(), bad)
			return ok && err == nil
		})
	}
}

// A lockedBuffer is a buffer for a logger.
type lockedBuffer struct {
	mu  sync.Mutex
	all strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}
