package denyfile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/auth"
	"socketiojwt/auth/denyfile"
)

// Entries of all kinds, with all their fields, survive a restart.
func TestEntriesSurviveARestart(t *testing.T) {
	path := newPath(t)
	now := time.Now().UTC().Truncate(time.Second)
	entries := []auth.Revocation{
		{Match: auth.BySubject("i", "never ends"), At: now},
		{Match: auth.BySubject("i", "ada"), IssuedBefore: now, Until: now.Add(time.Hour), Reason: `left, "quoted" & <ü>`, At: now.Add(-time.Minute)},
		{Match: auth.BySubject("i", "ada"), Until: now.Add(2 * time.Hour), At: now},
		{Match: auth.BySubject("", "no issuer / with a slash"), IssuedBefore: now.Add(time.Nanosecond), Until: now.Add(time.Hour), At: now},
		{Match: auth.ByTokenID("i", "j1"), Until: now.Add(time.Hour), At: now},
		{Match: auth.BySession("i", "s1"), Until: now.Add(time.Hour), At: now},
		{Match: auth.ByHash([32]byte{1, 2, 3}), Until: now.Add(time.Hour), At: now},
		{Match: auth.ByIssuer("another"), IssuedBefore: now.Add(-time.Hour), Until: now.Add(time.Hour), At: now},
		{Match: auth.ByClaim("role", "writer"), Until: now.AddDate(300, 0, 0), At: now}, // beyond 64 bits of nanoseconds
		{Match: auth.BySubject("i", strings.Repeat("s", 2000)), Until: now.Add(time.Hour), At: now},
	}
	list := open(t, path, denyfile.Options{})
	for _, r := range entries {
		add(t, list, r)
	}
	closeList(t, list)
	list = open(t, path, denyfile.Options{})
	got := all(t, list)
	if len(got) != len(entries) {
		t.Errorf("%d entries", len(got))
	}
	for _, r := range entries {
		if got[r.ID()] != r {
			t.Errorf("got %+v, want %+v", got[r.ID()], r)
		}
	}
	if !found(t, list, "ada") || found(t, list, "bob") {
		t.Error("ada is not found, or bob is")
	}
}

// Adding an entry again extends it, also after a restart.
func TestEntriesAreMerged(t *testing.T) {
	path := newPath(t)
	list := open(t, path, denyfile.Options{})
	first := blockOf("ada")
	later := first
	later.Until, later.At, later.Reason = first.Until.Add(time.Hour), first.At.Add(time.Minute), ""
	earlier := first
	earlier.Until, earlier.At = first.Until.Add(-time.Minute), first.At.Add(-time.Minute)
	for _, r := range []auth.Revocation{first, later, earlier} {
		add(t, list, r)
	}
	want := first
	want.Until, want.At = later.Until, later.At
	for range 2 {
		if got := all(t, list); len(got) != 1 || got[first.ID()] != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		closeList(t, list)
		list = open(t, path, denyfile.Options{})
	}
}

func TestRemove(t *testing.T) {
	path := newPath(t)
	list := open(t, path, denyfile.Options{})
	revoked := blockOf("ada")
	revoked.IssuedBefore = time.Now().UTC().Truncate(time.Second)
	for _, r := range []auth.Revocation{blockOf("ada"), revoked, blockOf("bob")} {
		add(t, list, r)
	}
	made := blockOf("bob")
	made.At = time.Now().Add(time.Minute)
	add(t, list, made)
	if err := list.Remove(context.Background(), made.Match, made.At.Add(-1)); err != nil || !found(t, list, "bob") {
		t.Errorf("a block that was made later was removed, %v", err)
	}
	for _, subject := range []string{"ada", "ada", "eve"} {
		if err := list.Remove(context.Background(), auth.BySubject("i", subject), time.Now().Add(time.Hour)); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		got := all(t, list)
		if _, ok := got[revoked.ID()]; len(got) != 2 || !ok || !found(t, list, "bob") {
			t.Errorf("got %+v", got)
		}
		closeList(t, list)
		list = open(t, path, denyfile.Options{})
	}
}

// The result of changes of one subject from several goroutines is the same in memory and on
// the disk.
func TestMemoryAndFileAgree(t *testing.T) {
	path := newPath(t)
	list := open(t, path, denyfile.Options{})
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for n := range 30 {
				subject := fmt.Sprint(n % 3)
				if (g+n)%2 == 0 {
					if err := list.Add(context.Background(), blockOf(subject)); err != nil {
						t.Error(err)
					}
				} else if err := list.Remove(context.Background(), auth.BySubject("i", subject), time.Now().Add(time.Hour)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	before := all(t, list)
	closeList(t, list)
	after := all(t, open(t, path, denyfile.Options{}))
	if len(before) != len(after) {
		t.Errorf("%d entries in memory, %d in the file", len(before), len(after))
	}
	for id, r := range before {
		if after[id] != r {
			t.Errorf("in memory %+v, in the file %+v", r, after[id])
		}
	}
}

// An entry that could not be written is found, also if a removal was written while it waited.
func TestFailedWriteAfterARemoval(t *testing.T) {
	list := open(t, newPath(t), denyfile.Options{})
	removed, added := denyfile.RemoveAndFailToAdd(list, blockOf("ada"))
	if removed != nil || added == nil || !strings.Contains(added.Error(), "the disk is full") {
		t.Errorf("Remove: %v, Add: %v", removed, added)
	}
	if !found(t, list, "ada") {
		t.Error("the entry is not found")
	}
}

func TestInvalidEntries(t *testing.T) {
	list := open(t, newPath(t), denyfile.Options{})
	ended := blockOf("ada")
	ended.Until = time.Now().Add(-time.Second)
	add(t, list, ended)
	long := blockOf("ada")
	long.Reason = strings.Repeat("x", 501)
	for _, r := range []auth.Revocation{{}, long, {Match: auth.BySubject("i", strings.Repeat("x", 5000))}} {
		if err := list.Add(context.Background(), r); err == nil {
			t.Errorf("%+v was added", r)
		}
	}
	if got := all(t, list); len(got) != 0 || list.Len() != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestClose(t *testing.T) {
	list := open(t, newPath(t), denyfile.Options{})
	add(t, list, blockOf("ada"))
	for range 3 {
		closeList(t, list)
	}
	if err := list.Add(context.Background(), blockOf("bob")); !errors.Is(err, denyfile.ErrClosed) {
		t.Errorf("Add: %v", err)
	}
	if err := list.Remove(context.Background(), auth.BySubject("i", "ada"), time.Now().Add(time.Hour)); !errors.Is(err, denyfile.ErrClosed) {
		t.Errorf("Remove: %v", err)
	}
	if !found(t, list, "ada") || !found(t, list, "bob") {
		t.Error("an entry is not found after Close")
	}
}

// Changes that were made before Close are written. Others fail with ErrClosed.
func TestCloseWhileChangesAreWritten(t *testing.T) {
	path := newPath(t)
	list := open(t, path, denyfile.Options{})
	var group sync.WaitGroup
	written := make(chan string, 3000)
	begun := make(chan struct{}, cap(written))
	for n := range cap(written) {
		group.Go(func() {
			subject := fmt.Sprint(n)
			switch err := list.Add(context.Background(), blockOf(subject)); {
			case err == nil:
				begun <- struct{}{}
				written <- subject
			case !errors.Is(err, denyfile.ErrClosed):
				t.Error(err)
			}
		})
	}
	<-begun
	group.Go(func() { closeList(t, list) })
	group.Go(func() { closeList(t, list) })
	group.Wait()
	close(written)
	list = open(t, path, denyfile.Options{})
	for subject := range written {
		if !found(t, list, subject) {
			t.Errorf("%s was written, and is not there", subject)
		}
	}
}

func TestContext(t *testing.T) {
	list := open(t, newPath(t), denyfile.Options{})
	ctx, cancel := context.WithCancelCause(context.Background())
	cause := errors.New("no time")
	cancel(cause)
	for range 20 { // the change may be written before the context is looked at
		if err := list.Add(ctx, blockOf("ada")); err != nil && !errors.Is(err, cause) {
			t.Error(err)
		}
	}
	if !found(t, list, "ada") {
		t.Error("the entry is not found")
	}
}
