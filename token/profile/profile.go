package profile

import (
	"time"

	"socketiojwt/token"
)

// AccessToken returns the rules for access tokens of RFC 9068, section 4: typ
// is at+jwt, and sub, client_id, iat and jti are present. An ID token is refused because of
// its typ.
func AccessToken(issuer, audience string) token.Options {
	rules := rulesOf(issuer, audience)
	rules.Type = "at+jwt"
	rules.Required = []string{"sub", "client_id", "iat", "jti"}
	return rules
}

// IDToken returns the rules for ID tokens of a client (OpenID Connect Core 1.0, sections
// 2 and 3.1.3.7): aud is or contains the client ID, sub and iat are present, and typ is JWT
// or missing, so an access token of RFC 9068 is refused. A logout token is refused because
// of its events, whatever its typ (OpenID Connect Back-Channel Logout 1.0, section 2.4). If
// the issuer's access tokens have no own typ and have the client ID in aud, the standard
// does not tell them apart. Then name a claim in Absent that only access tokens have, or
// one in Claims that only ID tokens have.
//
// Set Nonce if the login had one. azp, the client that requested the token, is not
// compared: with Google, an app requests a token for its server, so azp and aud
// differ in valid tokens. aud may contain other audiences too.
func IDToken(issuer, clientID string) token.Options {
	rules := rulesOf(issuer, clientID)
	rules.Type = "JWT"
	rules.Required = []string{"sub", "iat"}
	rules.Absent = append(rules.Absent, "events")
	return rules
}

// LogoutToken returns the rules for logout tokens that an issuer sends to a client (OpenID
// Connect Back-Channel Logout 1.0, sections 2.4 and 2.6): aud is or contains the client ID,
// iat, jti and events are present, and nonce is not. typ is logout+jwt, JWT or missing; set
// AllowUntyped to false if the issuer's logout tokens have the type that the standard
// recommends. A token that was issued more than 10 minutes ago, or in the future, is refused.
//
// The rules do not cover the value of events, and not that sub or sid is present. Package
// auth/logout checks both, and receives logout tokens.
func LogoutToken(issuer, clientID string) token.Options {
	rules := rulesOf(issuer, clientID)
	rules.Type = "logout+jwt"
	rules.AllowUntyped = true
	rules.Required = []string{"iat", "jti", "events"}
	rules.Absent = append(rules.Absent, "nonce")
	rules.MaxAge = 10 * time.Minute
	return rules
}

// Auth0 returns the rules for access tokens of an API of Auth0, in either of its
// formats: its own, and that of RFC 9068. The issuer ends in a slash. The audience is
// the API's identifier; aud also contains Auth0's userinfo endpoint if the client
// requested openid.
//
// Auth0's own format does not name the kind of token. Only aud, which is the client ID,
// excludes ID tokens, so the audience must not be a client ID; use IDToken for those.
func Auth0(issuer, audience string) token.Options {
	rules := rulesOf(issuer, audience)
	rules.Required = []string{"sub"}
	return rules
}

// Keycloak returns the rules for access tokens of a realm of Keycloak, by their claim
// typ, which is Bearer; ID, refresh, offline and logout tokens have another value. The
// header's typ may be JWT or, by a setting of the client, at+jwt. aud contains the
// audience only if a mapper of a client scope puts it there.
//
// Tokens with typ DPoP are refused: they are bound to a key of the client, and the gate
// does not ask for the proof. So are lightweight access tokens without sub and aud.
func Keycloak(issuer, audience string) token.Options {
	rules := rulesOf(issuer, audience)
	rules.Claims = map[string]string{"typ": "Bearer"}
	rules.Required = []string{"sub"}
	return rules
}

// CognitoAccessToken returns the rules for access tokens of an app client of an Amazon
// Cognito user pool: token_use is access, and the client is in client_id. Only tokens
// that are bound to a resource have aud, which is not checked.
func CognitoAccessToken(issuer, clientID string) token.Options {
	rules := rulesOf(issuer, clientID)
	rules.AudienceClaim = "client_id"
	rules.Type = "JWT"
	rules.Claims = map[string]string{"token_use": "access"}
	rules.Required = []string{"sub"}
	return rules
}

// CognitoIDToken returns the rules for ID tokens of an app client of an Amazon Cognito
// user pool: those of IDToken, and token_use is id.
func CognitoIDToken(issuer, clientID string) token.Options {
	rules := IDToken(issuer, clientID)
	rules.Claims = map[string]string{"token_use": "id"}
	return rules
}

// Firebase returns the rules for ID tokens of Firebase Authentication, for a project by
// its ID: those of IDToken, from the issuer https://securetoken.google.com/ and the
// project, with auth_time. Session cookies have another issuer and other keys, tokens of
// the emulator are not signed, and custom tokens are only for logging in: all three are
// refused.
//
// Google signs these tokens with RS256; jwks.Options.Algorithms can restrict the set to it.
func Firebase(project string) token.Options {
	rules := IDToken("https://securetoken.google.com/"+project, project)
	rules.Required = append(rules.Required, "auth_time")
	return rules
}

// rulesOf returns the rules that all profiles share: an issuer, an audience, and no cnf,
// which would bind the token to a key (RFC 7800, section 3.1).
func rulesOf(issuer, audience string) token.Options {
	return token.Options{Issuers: []string{issuer}, Audiences: []string{audience}, Absent: []string{"cnf"}}
}
