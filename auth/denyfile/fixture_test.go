package denyfile_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/denyfile"
	"socketiojwt/internal/leaktest"
	"socketiojwt/token"
)

// child runs instead of the tests in processes that tests start.
var child = func(role string) { panic(role) }

func TestMain(m *testing.M) {
	if role := os.Getenv("DENYFILE_CHILD"); role != "" {
		child(role)
		return
	}
	leaktest.Main(m)
}

var quiet = denyfile.Options{Logger: slog.New(slog.DiscardHandler)}

// open opens a list that is closed with the test.
func open(t testing.TB, path string, opts denyfile.Options) *denyfile.Denylist {
	t.Helper()
	opts.Logger = quiet.Logger
	list, err := denyfile.Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeList(t, list) })
	return list
}

func closeList(t testing.TB, list *denyfile.Denylist) {
	t.Helper()
	if err := list.Close(); err != nil {
		t.Error(err)
	}
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "denylist.db") }

// tokenOf returns a token of a subject.
func tokenOf(t testing.TB, subject string) *token.Token {
	t.Helper()
	tok, err := token.New("credential of "+subject, fmt.Appendf(nil, `{"iss":"i","sub":%q,"role":"admin"}`, subject), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// found reports whether a list finds a subject.
func found(t testing.TB, list *denyfile.Denylist, subject string) bool {
	t.Helper()
	_, ok, err := list.Find(context.Background(), tokenOf(t, subject))
	if err != nil {
		t.Error(err)
	}
	return ok
}

// blockOf returns a block of a subject for an hour.
func blockOf(subject string) auth.Revocation {
	return auth.Revocation{Match: auth.BySubject("i", subject), Until: time.Now().Add(time.Hour).Truncate(time.Second).UTC(), Reason: "test", At: time.Now().UTC()}
}

func add(t testing.TB, list *denyfile.Denylist, r auth.Revocation) {
	t.Helper()
	if err := list.Add(context.Background(), r); err != nil {
		t.Fatal(err)
	}
}

// all lists a list's entries by their IDs.
func all(t testing.TB, list *denyfile.Denylist) map[string]auth.Revocation {
	t.Helper()
	entries := map[string]auth.Revocation{}
	page, err := list.List(context.Background(), "", 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range page {
		entries[r.ID()] = r
	}
	return entries
}
