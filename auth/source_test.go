package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

func TestSources(t *testing.T) {
	good := sign(claims{"exp": 4102444800})
	other := sign(claims{"exp": 4102444800, "sub": "bob"})
	cookie := func(values ...string) http.Header { return http.Header{"Cookie": values} }
	all := []auth.Source{auth.FromAuth("token"), auth.FromHeader(), auth.FromQuery("token"), auth.FromCookie("token")}
	type came struct {
		auth   any
		header http.Header
		query  url.Values
	}
	for name, c := range map[string]struct {
		sources []auth.Source
		came    came
		want    string // the subject, or the reason for the refusal
	}{
		"auth":                      {nil, came{auth: bearing(good)}, "ada"},
		"auth with scheme":          {nil, came{auth: bearing("Bearer " + good)}, "ada"},
		"auth with shouted scheme":  {nil, came{auth: bearing("BEARER " + good)}, "ada"},
		"exact name beside another": {nil, came{auth: map[string]any{"Token": "x", "token": good, "TOKEN": 3}}, "ada"},
		"escaped name":              {nil, came{auth: json.RawMessage(`{"\u0074oken":"` + good + `"}`)}, "ada"},
		"named member":              {[]auth.Source{auth.FromAuth("jwt")}, came{auth: map[string]any{"jwt": good, "token": "x"}}, "ada"},
		"header":                    {nil, came{header: http.Header{"Authorization": {"Bearer " + good}}}, "ada"},
		"header, scheme in lower":   {nil, came{header: http.Header{"Authorization": {"bearer " + good}}}, "ada"},
		"auth and header alike":     {nil, came{auth: bearing(good), header: http.Header{"Authorization": {"Bearer " + good}}}, "ada"},
		"query not asked for":       {nil, came{query: url.Values{"token": {good}}}, "token_missing"},
		"cookie not asked for":      {nil, came{header: cookie("token=" + good)}, "token_missing"},
		"query":                     {all, came{query: url.Values{"token": {good}}}, "ada"},
		"query twice":               {all, came{query: url.Values{"token": {good, good}}}, "token_conflict"},
		"query twice, different":    {all, came{query: url.Values{"token": {good, other}}}, "token_conflict"},
		"query empty":               {all, came{query: url.Values{"token": {""}}}, "token_malformed"},
		"query against auth":        {all, came{auth: bearing(good), query: url.Values{"token": {other}}}, "token_conflict"},
		"bad query beside good":     {all, came{auth: bearing(good), query: url.Values{"token": {"x"}}}, "token_conflict"},
		"cookie":                    {all, came{header: cookie("a=b; token=" + good)}, "ada"},
		"cookie in quotes":          {all, came{header: cookie(`token="` + good + `"`)}, "ada"},
		"cookie twice, the same":    {all, came{header: cookie("token=" + good + "; token=" + good)}, "ada"},
		"cookie twice, different":   {all, came{header: cookie("token=" + good + "; token=" + other)}, "token_conflict"},
		"cookies in two headers":    {all, came{header: cookie("token="+good, "token="+other)}, "token_conflict"},
		"third cookie differs":      {all, came{header: cookie("token=" + good + "; token=" + good + "; token=" + other)}, "token_conflict"},
		"cookie empty":              {all, came{header: cookie("token=")}, "token_malformed"},
		"cookie of another case":    {all, came{header: cookie("Token=" + good)}, "token_missing"},
		"cookie against header":     {all, came{header: http.Header{"Cookie": {"token=" + good}, "Authorization": {"Bearer " + other}}}, "token_conflict"},
		"nothing anywhere":          {all, came{}, "token_missing"},
		"first complaint in order":  {[]auth.Source{auth.FromQuery("token"), auth.FromAuth("token")}, came{auth: bearing(""), query: url.Values{"token": {"a", "b"}}}, "token_conflict"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, setup{gate: auth.Options{Sources: c.sources}}, func(f *fixture) {
				opts := sockettest.Options{Auth: c.came.auth, Header: c.came.header, Query: c.came.query}
				if strings.HasPrefix(c.want, "token_") {
					if told := f.refused(opts); told.Reason != c.want {
						t.Errorf("told %+v, want reason %s", told, c.want)
					}
					return
				}
				if got := f.whoami(f.dial(opts)); got != c.want {
					t.Errorf("whoami: %q, want %q", got, c.want)
				}
			})
		})
	}
}

// A page of another origin can make a browser send cookies, but not tokens from elsewhere.
func TestCookiesNeedTheOriginRule(t *testing.T) {
	sources := []auth.Source{auth.FromCookie("token"), auth.FromAuth("token")}
	bubble(t, setup{server: anyOrigin(), gate: auth.Options{Sources: sources}}, func(f *fixture) {
		cookie := http.Header{"Cookie": {"token=" + sign(nil)}, "Origin": {"https://evil.example"}}
		for range 3 {
			if told := f.refused(sockettest.Options{Header: cookie}); told.Reason != "token_missing" {
				t.Errorf("told %+v", told)
			}
		}
		if n := strings.Count(f.log.String(), "cookies are ignored"); n != 1 {
			t.Errorf("%d warnings, want one", n)
		}
		f.dial(sockettest.Options{Header: cookie, Auth: bearing(sign(nil))})
	})
}

// The gates of a connection's namespaces find the same cookie.
func TestCookieOfALaterNamespace(t *testing.T) {
	sources := []auth.Source{auth.FromCookie("token")}
	bubble(t, setup{gate: auth.Options{Sources: sources}, furnish: func(f *fixture) {
		f.furnish(f.srv.Of("/admin"), f.gate.Handshake)
	}}, func(f *fixture) {
		p := f.dial(sockettest.Options{Header: http.Header{"Cookie": {"token=" + sign(nil)}}})
		admin, err := p.Join(f.ctx, "/admin", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.whoami(admin); got != "ada" {
			t.Errorf("whoami: %q", got)
		}
	})
}

func TestSourceFunc(t *testing.T) {
	tickets := map[string]string{"one-use": sign(claims{"exp": 4102444800})}
	source := auth.SourceFunc(func(ctx context.Context, h *socketio.Handshake) (string, error) {
		switch ticket := h.Query().Get("ticket"); {
		case socketio.FromContext(ctx) == nil:
			return "", errors.New("no socket in the context")
		case ticket == "":
			return "", nil
		case tickets[ticket] == "":
			return "", &auth.Error{Message: "ticket was used", Code: "invalid_token", Reason: "ticket_used"}
		default:
			return tickets[ticket], nil
		}
	})
	bubble(t, setup{gate: auth.Options{Sources: []auth.Source{source}}}, func(f *fixture) {
		if got := f.whoami(f.dial(sockettest.Options{Query: url.Values{"ticket": {"one-use"}}})); got != "ada" {
			t.Errorf("whoami: %q", got)
		}
		if told := f.refused(sockettest.Options{Query: url.Values{"ticket": {"x"}}}); told.Message != "ticket was used" || told.Reason != "ticket_used" {
			t.Errorf("told %+v", told)
		}
		if told := f.refused(sockettest.Options{}); told.Reason != "token_missing" {
			t.Errorf("told %+v", told)
		}
	})
	failing := auth.SourceFunc(func(context.Context, *socketio.Handshake) (string, error) { return "", errors.New("table is locked") })
	bubble(t, setup{gate: auth.Options{Sources: []auth.Source{failing}}}, func(f *fixture) {
		if told := f.refused(sockettest.Options{Auth: bearing(sign(nil))}); told.Reason != "not_authorized" {
			t.Errorf("told %+v", told)
		}
	})
}

// In event mode the sources read the handshake when "authenticate" arrives.
func TestSourcesOfTheEventMode(t *testing.T) {
	sources := []auth.Source{auth.FromAuth("token"), auth.FromCookie("token")}
	bubble(t, setup{gate: auth.Options{Sources: sources}, event: true}, func(f *fixture) {
		cookie := http.Header{"Cookie": {"token=" + sign(nil)}}
		p := f.dial(sockettest.Options{Header: cookie, Auth: bearing("of the handshake, and not looked at")})
		f.nothing(p)
		f.emit(p, "authenticate")
		f.expect(p, "authenticated")
		f.happened("connected ada")

		p = f.dial(sockettest.Options{Header: cookie})
		f.emit(p, "authenticate", bearing(sign(claims{"sub": "bob"})))
		if told, _ := f.unauthorized(p); told.Reason != "token_conflict" {
			t.Errorf("told %+v", told)
		}
	})
}

// At a later "authenticate" a source still gets how the socket connected, but no headers or
// query, which may have secrets.
func TestSourcesOfALaterAuthenticate(t *testing.T) {
	var seen []socketio.Handshake
	source := auth.SourceFunc(func(ctx context.Context, h *socketio.Handshake) (string, error) {
		seen = append(seen, *h)
		return auth.FromAuth("token").Find(ctx, h)
	})
	bubble(t, setup{gate: auth.Options{Sources: []auth.Source{source}}, event: true}, func(f *fixture) {
		p := f.dial(sockettest.Options{Header: http.Header{"X-Secret": {"s"}}, Query: url.Values{"secret": {"s"}}})
		for range 2 {
			f.emit(p, "authenticate", bearing(sign(nil)))
			f.expect(p, "authenticated")
		}
		if len(seen) != 2 {
			t.Fatalf("the source was asked %d times", len(seen))
		}
		first, later := seen[0], seen[1]
		if later.Header != nil || later.Query().Has("secret") {
			t.Errorf("header %v, query %v", later.Header, later.Query())
		}
		if later.Protocol != 4 || later.RemoteAddr != first.RemoteAddr || later.Path != first.Path || !later.Time.Equal(first.Time) {
			t.Errorf("first %v, protocol %d; later %v, protocol %d", first, first.Protocol, later, later.Protocol)
		}
	})
}

func FuzzFromAuth(f *testing.F) {
	for _, b := range badPayloads {
		f.Add([]byte(b.payload))
	}
	f.Add([]byte(`{"token":"Bearer a.b.c"}`))
	source := auth.FromAuth("token")
	f.Fuzz(func(t *testing.T, payload []byte) {
		compact, err := source.Find(t.Context(), &socketio.Handshake{Auth: payload})
		if err != nil && compact != "" {
			t.Errorf("both a token and an error: %q, %v", compact, err)
		}
		if strings.Contains(compact, " ") {
			t.Errorf("token %q", compact)
		}
		var other map[string]any
		if err == nil && compact != "" && json.Unmarshal(payload, &other) == nil {
			if s, _ := other["token"].(string); !strings.HasSuffix(s, compact) {
				t.Errorf("found %q where encoding/json reads %q", compact, s)
			}
		}
	})
}
