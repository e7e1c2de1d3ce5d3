package tokentest_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/tokentest"
)

func TestFaults(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{})
	ask := func(address string) (*http.Response, string) {
		t.Helper()
		return get(t, issuer.Client(), address, "")
	}
	_, set := ask(issuer.JWKSURL())
	_, document := ask(issuer.OpenIDURL())

	issuer.Misbehave(tokentest.Fault{Status: 503, Only: issuer.JWKSURL()})
	if response, _ := ask(issuer.JWKSURL()); response.StatusCode != 503 {
		t.Errorf("down: %d", response.StatusCode)
	}
	if response, _ := ask(issuer.OpenIDURL()); response.StatusCode != 200 {
		t.Errorf("only the set is down: %d", response.StatusCode)
	}
	issuer.Misbehave(tokentest.Fault{Drop: true})
	before := issuer.Requests("")
	if _, err := issuer.Client().Get(issuer.JWKSURL()); err == nil {
		t.Error("dropped: an answer")
	}
	if got := issuer.Requests("").Asked - before.Asked; got != 1 {
		t.Errorf("dropped: asked %d times", got)
	}
	issuer.Misbehave(tokentest.Fault{Body: "<html>"})
	if _, body := ask(issuer.JWKSURL()); body != "<html>" {
		t.Errorf("garbage: %q", body)
	}
	issuer.Misbehave(tokentest.Fault{Size: 1 << 20})
	if _, body := ask(issuer.JWKSURL()); len(body) != 1<<20+len(set) || !json.Valid([]byte(body)) {
		t.Errorf("huge: %d bytes", len(body))
	}
	issuer.Misbehave(tokentest.Fault{Issuer: "https://evil.example", JWKSURL: "https://evil.example/keys"})
	if _, body := ask(issuer.OpenIDURL()); !strings.Contains(body, `"issuer":"https://evil.example"`) || !strings.Contains(body, `"jwks_uri":"https://evil.example/keys"`) {
		t.Errorf("a lie: %s", body)
	}
	elsewhere := "https://evil.example/jwks.json"
	issuer.Misbehave(tokentest.Fault{Redirect: elsewhere})
	if _, body := ask(issuer.JWKSURL()); body != set {
		t.Errorf("redirected: %s", body)
	}
	if got := issuer.Requests(elsewhere).Asked; got != 1 {
		t.Errorf("redirected: asked there %d times", got)
	}
	issuer.Misbehave(tokentest.Fault{})
	if _, body := ask(issuer.OpenIDURL()); body != document {
		t.Errorf("well again: %s", body)
	}
}

// A slow or hanging Issuer uses the clock of the bubble, and leaves nothing that would keep
// the bubble from ending.
func TestSlowIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := tokentest.NewIssuer(t, tokentest.Options{})
		start := time.Now()
		issuer.Misbehave(tokentest.Fault{Delay: time.Hour})
		if response, _ := get(t, issuer.Client(), issuer.JWKSURL(), ""); response.StatusCode != 200 || time.Since(start) != time.Hour {
			t.Errorf("after %v: %d", time.Since(start), response.StatusCode)
		}
		for _, fault := range []tokentest.Fault{{Delay: time.Hour}, {Hang: true}} {
			issuer.Misbehave(fault)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, issuer.JWKSURL(), nil)
			if err != nil {
				t.Fatal(err)
			}
			start = time.Now()
			_, err = issuer.Client().Do(request)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Minute {
				t.Errorf("%+v: %v after %v", fault, err, time.Since(start))
			}
			cancel()
		}
		u, err := token.ParseUnverified(issuer.Sign(nil), 0)
		var issued int64
		if err != nil || u.Claim("iat", &issued) != nil || issued != time.Now().Unix() {
			t.Errorf("signed at %d, %v", issued, err)
		}
	})
}

// Each odd key is in the set, before the others, and signs. The errors of package token
// show that each key is what its name says.
func TestOddKeys(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{})
	all := []tokentest.OddKey{tokentest.SharedSecret, tokentest.PrivateKey, tokentest.EncryptionKey, tokentest.UnknownType,
		tokentest.NoAlgorithm, tokentest.NoID, tokentest.SameID, tokentest.ForeignCertificate}
	issuer.Misbehave(tokentest.Fault{Keys: all})
	issuer.Rotate()
	keys := keySet(t, issuer)
	if len(keys) != len(all)+2 {
		t.Fatalf("%d keys", len(keys))
	}
	for n, kind := range all {
		text, err := json.Marshal(keys[n])
		if err != nil {
			t.Fatal(err)
		}
		_, refused := map[tokentest.OddKey]bool{tokentest.PrivateKey: true, tokentest.EncryptionKey: true, tokentest.UnknownType: true, tokentest.ForeignCertificate: true}[kind]
		key := token.JWK(text)
		if (key.Err() != nil) != refused {
			t.Errorf("%s: %v", kind, key.Err())
		}
		wantID := map[tokentest.OddKey]string{tokentest.NoID: "", tokentest.SameID: "key-2"}
		if want, special := wantID[kind]; key.Err() == nil && (special && key.ID() != want || !special && key.ID() != "odd-"+string(kind)) {
			t.Errorf("%s: ID %q", kind, key.ID())
		}
		compact := issuer.SignBy(kind, map[string]any{"aud": "chat"})
		for what, k := range map[string]token.Key{"the key itself": key, "the key that signs": issuer.Key().Key()} {
			verifier, err := token.NewVerifier(token.KeyFunc(func(context.Context, token.Unverified) (token.Key, error) { return k, nil }),
				token.Options{Issuers: []string{issuer.URL()}, Audiences: []string{"chat"}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = verifier.Verify(t.Context(), compact)
			if (err == nil) != (what == "the key itself" && !refused) {
				t.Errorf("%s, verified with %s: %v", kind, what, err)
			}
		}
	}
	if keys[4]["alg"] != nil || keys[1]["d"] == nil {
		t.Errorf("without alg: %v; private: %v", keys[4], keys[1])
	}
	certificates, _ := keys[7]["x5c"].([]any)
	if len(certificates) != 1 {
		t.Fatalf("no certificate: %v", keys[7])
	}
	text, _ := certificates[0].(string)
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(token.DER(der), token.Options{Issuers: []string{issuer.URL()}, Audiences: []string{"chat"}})
	if err != nil {
		t.Fatalf("the certificate holds no key: %v", err)
	}
	if _, err := verifier.Verify(t.Context(), issuer.SignBy(tokentest.ForeignCertificate, map[string]any{"aud": "chat"})); !errors.Is(err, token.ErrSignature) {
		t.Errorf("the certificate is not for another key: %v", err)
	}
	if u, err := token.ParseUnverified(issuer.SignBy(tokentest.NoID, nil), 0); err != nil || u.Header.KeyID != "" {
		t.Errorf("the key without an ID signs with one: %v, %v", u, err)
	}
}

// Mounted in a server that does not close its connections, the Issuer stops answering when
// the client stops waiting, and when the test ends.
func TestHangingEnds(t *testing.T) {
	hang := func(t *testing.T, ctx context.Context) (ended chan any) {
		issuer := tokentest.NewIssuer(t, tokentest.Options{})
		issuer.Misbehave(tokentest.Fault{Hang: true})
		ended = make(chan any, 1)
		go func() {
			defer func() { ended <- recover() }()
			issuer.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, issuer.JWKSURL(), nil))
		}()
		return ended
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := hang(t, ctx)
		synctest.Wait()
		if len(ended) != 0 {
			t.Error("it does not hang")
		}
		cancel()
		synctest.Wait()
		if len(ended) != 1 {
			t.Error("it hangs when no caller waits any more")
		}
	})
	// Cleanups of a bubble run in it. A request that still hangs would fail it.
	synctest.Test(t, func(t *testing.T) { hang(t, context.Background()) })
}
