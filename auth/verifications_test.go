package auth_test

import (
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/auth"
	"socketiojwt/socketio/sockettest"
	"socketiojwt/token"
	"socketiojwt/token/mint"
)

// While Options.Verifications signatures are being checked, other sockets wait for their turn
// or for the timeout, which is a temporary refusal. A signature that is remembered does not
// wait, and neither does the secret of another gate.
func TestVerificationsWait(t *testing.T) {
	issuer, err := mint.Generate(token.ES256)
	if err != nil {
		t.Fatal(err)
	}
	v := verifierOf(t, issuer.Key(), token.Options{Issuers: []string{"https://issuer.example"}, Audiences: []string{"chat"}, Leeway: -1})
	bubble(t, setup{verifier: v, gate: auth.Options{Verifications: 2, Timeout: 3 * time.Second}, furnish: func(f *fixture) {
		secrets := newGate(t, verifier(t), auth.Options{Verifications: 1})
		f.furnish(f.srv.Of("/secrets"), secrets.Handshake)
		auth.TurnsOf(secrets) <- struct{}{}
	}}, func(f *fixture) {
		bearer := func(subject string) sockettest.Options {
			compact, err := mint.Sign(issuer, claims{"iss": "https://issuer.example", "aud": "chat", "sub": subject, "exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})
			if err != nil {
				t.Fatal(err)
			}
			return sockettest.Options{Auth: bearing(compact)}
		}
		turns := auth.TurnsOf(f.gate)
		if cap(turns) != 2 {
			t.Fatalf("%d turns, want 2", cap(turns))
		}
		ada, bob, eve := bearer("ada"), bearer("bob"), bearer("eve")
		f.dial(ada)
		if len(turns) != 0 {
			t.Error("a turn was not returned")
		}
		turns <- struct{}{}
		f.dial(bob) // takes the second turn
		turns <- struct{}{}

		f.dial(ada) // remembered
		f.dial(sockettest.Options{Namespace: "/secrets", Auth: bearing(sign(nil))})

		admitted := make(chan *sockettest.Peer, 1)
		go func() {
			p, _ := f.try(eve)
			admitted <- p
		}()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(admitted) != 0 {
			t.Error("a socket did not wait for its turn")
		}
		<-turns
		if p := <-admitted; p == nil {
			t.Error("a socket was refused although it got its turn in time")
		}

		turns <- struct{}{}
		start := time.Now()
		if _, err := f.try(bearer("mallory")); err == nil || time.Since(start) != 3*time.Second {
			t.Errorf("got %v after %v, want a refusal after Options.Timeout", err, time.Since(start))
		}
		if n := f.gate.Stats().Refusals[auth.ReasonAuthUnavailable]; n != 1 {
			t.Errorf("%d temporary refusals, want 1", n)
		}
	})
}

// Gates without Options.Verifications share their turns, because floods of two gates add up.
func TestVerificationsOfSeveralGates(t *testing.T) {
	turns := func(n int) any { return auth.TurnsOf(newGate(t, verifier(t), auth.Options{Verifications: n})) }
	if turns(0) != turns(0) || turns(0) == turns(1) || turns(1) == turns(1) {
		t.Error("want gates with zero to share their turns, and others not")
	}
	if _, err := auth.NewGate(verifier(t), auth.Options{Verifications: -1}); err == nil {
		t.Error("NewGate accepted a negative number")
	}
}
