package profile_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"socketiojwt/token"
	"socketiojwt/token/profile"
)

// signer signs all tokens, so that no profile refuses a token only for its issuer. It is
// Firebase's issuer, which cannot be chosen.
const signer = "https://securetoken.google.com/chat-1234"

// column is a profile with one set of names.
type column struct {
	name  string
	rules func(n names) token.Options
}

// profiles are the columns of the table below.
var profiles = []column{
	{"access-token", func(n names) token.Options { return profile.AccessToken(signer, n.api) }},
	{"id-token", func(n names) token.Options { return profile.IDToken(signer, n.client) }},
	{"logout", func(n names) token.Options { return profile.LogoutToken(signer, n.client) }},
	{"auth0", func(n names) token.Options { return profile.Auth0(signer, n.api) }},
	{"keycloak", func(n names) token.Options { return profile.Keycloak(signer, n.api) }},
	{"cognito-access", func(n names) token.Options { return profile.CognitoAccessToken(signer, n.client) }},
	{"cognito-id", func(n names) token.Options { return profile.CognitoIDToken(signer, n.client) }},
	{"firebase", func(n names) token.Options { return profile.Firebase(n.project) }},
}

// sentinels are the errors in the table, by their short names.
var sentinels = map[string]error{
	"ok": nil, "type": token.ErrType, "iss": token.ErrIssuer, "aud": token.ErrAudience, "claim": token.ErrClaim, "missing": token.ErrClaimMissing,
}

// Each shape of token is checked against each profile. The API, the client and the project
// have different names, so only the intended tokens are accepted. Auth0's profile requires
// no mark of the kind, so it accepts every token with its issuer and audience.
const matrix = `
	                              access-token  id-token  logout   auth0  keycloak  cognito-access  cognito-id  firebase
	access                        ok            type      type     ok     missing   type            type        type
	access, bound by mutual TLS   claim         type      type     claim  missing   type            type        type
	id                            type          ok        missing  aud    aud       aud             missing     aud
	id, untyped, for two          type          ok        missing  aud    aud       aud             missing     aud
	id, another azp               type          ok        missing  aud    aud       aud             missing     aud
	logout                        type          type      ok       type   type      type            type        type
	logout, typ JWT               type          claim     ok       aud    aud       aud             missing     aud
	auth0 access                  type          aud       aud      ok     missing   aud             aud         aud
	auth0 access, machine         type          aud       aud      ok     missing   aud             aud         aud
	auth0 access, RFC 9068        ok            type      type     ok     missing   type            type        type
	auth0 id                      type          ok        missing  aud    aud       aud             missing     aud
	keycloak access               type          aud       aud      ok     ok        aud             aud         aud
	keycloak access, at+jwt       missing       type      type     ok     ok        type            type        type
	keycloak access, DPoP         type          aud       aud      claim  claim     aud             aud         aud
	keycloak access, no aud       type          aud       aud      aud    aud       aud             aud         aud
	keycloak access, lightweight  type          aud       aud      aud    aud       aud             aud         aud
	keycloak id                   type          ok        missing  aud    aud       aud             missing     aud
	keycloak refresh              type          aud       aud      aud    aud       aud             aud         aud
	keycloak logout               type          claim     ok       aud    aud       aud             missing     aud
	cognito access                type          aud       aud      aud    aud       ok              aud         aud
	cognito access, bound         type          aud       aud      ok     missing   ok              aud         aud
	cognito id                    type          ok        missing  aud    aud       aud             ok          aud
	firebase id                   type          aud       aud      aud    aud       aud             aud         ok
	firebase session cookie       type          iss       iss      iss    iss       iss             iss         iss
	firebase custom token         type          iss       iss      iss    iss       iss             iss         iss
`

func TestMatrix(t *testing.T) {
	n := names{api: "https://chat.example.com", client: "chat-web", project: "chat-1234"}
	issuer, keys := publish(t, signer)
	lines := strings.Split(strings.Trim(matrix, "\n"), "\n")
	columns := strings.Fields(lines[0])
	if len(columns) != len(profiles) {
		t.Fatalf("%d columns for %d profiles", len(columns), len(profiles))
	}
	all := shapes(n)
	var rows []string
	for _, line := range lines[1:] {
		words := strings.Fields(line)
		name := strings.Join(words[:len(words)-len(columns)], " ")
		rows = append(rows, name)
		tok, known := all[name]
		if !known {
			t.Errorf("there is no shape %q", name)
			continue
		}
		compact := sign(t, issuer, tok)
		for i, word := range words[len(words)-len(columns):] {
			if columns[i] != profiles[i].name {
				t.Fatalf("column %q is that of %q", columns[i], profiles[i].name)
			}
			want, known := sentinels[word]
			if !known {
				t.Fatalf("%q is no word for an error", word)
			}
			_, err := verifier(t, keys, profiles[i].rules(n)).Verify(context.Background(), compact)
			if !errors.Is(err, want) {
				t.Errorf("%s, verified by %s: %v, want %s", name, columns[i], err, word)
			}
		}
	}
	if want := slices.Sorted(maps.Keys(all)); !slices.Equal(slices.Sorted(slices.Values(rows)), want) {
		t.Errorf("the table has the rows %q, want %q", rows, want)
	}
}

// If the API and the client have one name, as for an application that is registered once,
// only the kind of a token distinguishes it from others of its issuer.
func TestKindDecides(t *testing.T) {
	n := names{api: "chat-1234", client: "chat-1234", project: "chat-1234"}
	issuer, keys := publish(t, signer)
	all := shapes(n)
	for _, test := range []struct {
		shape, profile string
		want           error
	}{
		{"id", "access-token", token.ErrType},
		{"access", "id-token", token.ErrType},
		{"logout, typ JWT", "access-token", token.ErrType},
		{"logout, typ JWT", "id-token", token.ErrClaim},
		{"auth0 access, RFC 9068", "id-token", token.ErrType},
		{"keycloak id", "keycloak", token.ErrClaim},
		{"keycloak logout", "keycloak", token.ErrClaim},
		{"keycloak access, at+jwt", "id-token", token.ErrType},
		{"cognito id", "cognito-access", token.ErrAudience}, // it has no client_id
		{"cognito access", "cognito-id", token.ErrAudience}, // it has no aud
		{"cognito access, bound", "cognito-id", token.ErrClaim},
		{"firebase session cookie", "firebase", token.ErrIssuer},

		// These have no mark that the profile could check, as its comment says.
		{"auth0 id", "auth0", nil},
		{"auth0 access", "id-token", nil},
		{"keycloak access", "id-token", nil},
		{"cognito access, bound", "id-token", nil},
	} {
		_, err := verifier(t, keys, rulesOf(t, test.profile, n)).Verify(context.Background(), sign(t, issuer, all[test.shape]))
		if !errors.Is(err, test.want) {
			t.Errorf("%s, verified by %s: %v, want %v", test.shape, test.profile, err, test.want)
		}
	}
}

// A caller may change its Options without affecting other callers.
func TestRulesAreTheCallers(t *testing.T) {
	n := names{api: "https://chat.example.com", client: "chat-web", project: "chat-1234"}
	issuer, keys := publish(t, signer)
	for _, p := range profiles {
		rules := p.rules(n)
		rules.Issuers[0], rules.Audiences[0], rules.Required[0], rules.Absent[0] = "x", "x", "x", "x"
		for name := range rules.Claims {
			rules.Claims[name] = "x"
		}
	}
	compact := sign(t, issuer, shapes(n)["cognito access"])
	if _, err := verifier(t, keys, rulesOf(t, "cognito-access", n)).Verify(context.Background(), compact); err != nil {
		t.Error(err)
	}
}

// The changes that docs/issuers.md and the comments allow.
func TestAdaptedRules(t *testing.T) {
	n := names{api: "https://chat.example.com", client: "chat-web", project: "chat-1234"}
	issuer, keys := publish(t, signer)
	for _, test := range []struct {
		profile string
		adapt   func(rules *token.Options)
		want    map[string]error // by shape
	}{
		{"id-token", func(rules *token.Options) { rules.Nonce = "n-41" },
			map[string]error{"id": nil, "id, another azp": token.ErrNonce}},
		{"access-token", func(rules *token.Options) { rules.Absent = nil },
			map[string]error{"access, bound by mutual TLS": nil}},
		{"keycloak", func(rules *token.Options) { rules.AudienceClaim, rules.Audiences = "azp", []string{"web"} },
			map[string]error{"keycloak access": nil, "keycloak access, no aud": nil, "keycloak id": token.ErrAudience}},
		{"keycloak", func(rules *token.Options) { rules.AudienceClaim, rules.Audiences = "azp", []string{n.client} },
			map[string]error{"keycloak access": token.ErrAudience, "keycloak id": token.ErrClaim, "keycloak refresh": token.ErrClaim}},
		{"cognito-access", func(rules *token.Options) { rules.AudienceClaim, rules.Audiences = "", []string{n.api} },
			map[string]error{"cognito access, bound": nil, "cognito access": token.ErrAudience, "cognito id": token.ErrAudience}},
		{"auth0", func(rules *token.Options) { rules.Audiences = append(rules.Audiences, "mail") },
			map[string]error{"auth0 access": nil, "auth0 access, machine": nil, "auth0 id": token.ErrAudience}},
	} {
		rules := rulesOf(t, test.profile, n)
		test.adapt(&rules)
		v := verifier(t, keys, rules)
		for name, want := range test.want {
			if _, err := v.Verify(context.Background(), sign(t, issuer, shapes(n)[name])); !errors.Is(err, want) {
				t.Errorf("%s, verified by %s: %v, want %v", name, test.profile, err, want)
			}
		}
	}
}

// A missing argument is an error before the first token arrives.
func TestEmptyArguments(t *testing.T) {
	_, keys := publish(t, signer)
	for _, p := range profiles {
		if _, err := token.NewVerifier(keys, p.rules(names{})); !errors.Is(err, token.ErrOptions) {
			t.Errorf("%s without an audience: %v", p.name, err)
		}
	}
	if _, err := token.NewVerifier(keys, profile.AccessToken("", "chat")); !errors.Is(err, token.ErrOptions) {
		t.Errorf("without an issuer: %v", err)
	}
}
