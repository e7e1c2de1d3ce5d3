package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A namespace without rules for tokens of its own does not fall back to the development issuer
// if the file names issuers for others: it would admit anyone who can log in there.
func TestNamespaceWithoutRulesBesideOthers(t *testing.T) {
	own := "[[namespace]]\nname = \"/\"\nissuer = \"https://issuer.example\"\naudience = \"chat\"\n"
	forgotten := "[[namespace]]\nname = \"/admin\"\nscope = \"admin\"\n"
	for name, test := range map[string]struct {
		file  string
		args  []string
		wrong string
	}{
		"none of its own":           {own + forgotten, nil, ":5: namespace /admin has no rules for tokens"},
		"none at all":               {forgotten, nil, ""},
		"only its own":              {own, nil, ""},
		"those of the flags":        {own + forgotten, []string{"--issuer", "https://issuer.example", "--audience", "chat"}, ""},
		"the secret of the flags":   {own + forgotten, []string{"--secret", goodSecret}, ""},
		"only its own, and --redis": {own, []string{"--redis", "redis://localhost:1", "--cluster-key", goodSecret}, ""},
	} {
		err := settings(t, append(test.args, "--config", configured(t, test.file))...).check()
		if (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("%s: %v, want %q", name, err, test.wrong)
		}
	}
}

// A backend that joins the rooms that peers name does not let one user into the room of another, in
// which it would hear what is published to that user.
func TestUpstreamJoinsNoRoomOfAnotherUser(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			Type string
			Args []string
		}
		if json.NewDecoder(r.Body).Decode(&m) != nil || m.Type != "event" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"join": m.Args, "ack": []string{"joined"}})
	}))
	defer web.Close()
	s := start(t, "--upstream-webhook", web.URL, "--upstream-secret-file", writeFile(t, "hook.txt", firstSecret), "--admin", "localhost:0", "--admin-secret", operatorsSecret,
		"--secret", goodSecret, "--config", configured(t, "[[namespace]]\nname = \"/\"\nroom = \"teams=team:\"\n"))
	p := s.enter(ctx, "/", s.login("ada"))
	for room, joined := range map[string]bool{"lobby": true, userRoom("", "bob"): false, "team:red": false} {
		answer, err := p.EmitWithAck(ctx, "join", room)
		var text string
		if err != nil || (answer.Scan(&text) == nil) != joined {
			t.Errorf("%s: %q, %v", room, text, err)
		}
	}
}

// The sockets of a key that is replaced end also if the server is asked to shut down meanwhile, and
// waits for load balancers.
func TestReplacedKeyDuringADrain(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	secret := writeFile(t, "secret", goodSecret)
	s := start(t, "--secret-file", secret, "--drain-wait", "5s")
	p := s.enter(ctx, "/", s.login("ada"))
	rewrite(t, secret, "another secret that has more than thirty-two bytes")
	s.hangUp("configuration reloaded")
	s.stop()
	began := time.Now()
	_ = p.Ended(ctx)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the socket stayed for %v", took)
	}
}

// A reload that waits for an issuer does not keep the watchdog waiting when readiness changes.
func TestReportDuringAReload(t *testing.T) {
	var s supervisor
	begun, goOn, ended := make(chan bool), make(chan bool), make(chan bool)
	go func() {
		s.reload(func() { close(begun); <-goOn })
		close(ended)
	}()
	<-begun
	reported := make(chan bool, 1)
	go func() { reported <- s.report([]string{"keys"}) }()
	select {
	case done := <-reported:
		if done {
			t.Error("the change was reported during the reload")
		}
	case <-time.After(10 * time.Second):
		t.Error("the report waits for the reload")
	}
	close(goOn)
	<-ended
	if !s.report(nil) {
		t.Error("nothing is reported after the reload")
	}
}
