package profile

import "socketiojwt/token"

// AccessToken returns the rules for access tokens as RFC 9068 has them, section 4: typ
// is at+jwt, and sub, client_id, iat and jti are there. An ID token is refused for its
// typ.
func AccessToken(issuer, audience string) token.Options {
	rules := rulesOf(issuer, audience)
	rules.Type = "at+jwt"
	rules.Required = []string{"sub", "client_id", "iat", "jti"}
	return rules
}

// IDToken returns the rules for ID tokens of a client (OpenID Connect Core 1.0, sections
// 2 and 3.1.3.7): aud is or has the client ID, sub and iat are there, and typ is JWT or
// missing, so that an access token of RFC 9068 is refused. So is a logout token, whatever
// its typ, for its events (OpenID Connect Back-Channel Logout 1.0, section 2.4). Where
// access tokens have no typ of their own and the client ID in aud, nothing in the standard
// tells them apart: then name a claim that they have, in Absent, or have not, in Claims.
//
// Set Nonce if the login had one. azp, the client that asked for the token, is not
// compared: with Google's, an app asks for a token that is for its server, so the two
// differ in good tokens. Nor is it wrong that aud has others besides.
func IDToken(issuer, clientID string) token.Options {
	rules := rulesOf(issuer, clientID)
	rules.Type = "JWT"
	rules.Required = []string{"sub", "iat"}
	rules.Absent = append(rules.Absent, "events")
	return rules
}

// Auth0 returns the rules for access tokens of an API of Auth0, in either of its
// formats: its own, and that of RFC 9068. The issuer ends in a slash. The audience is
// the API's identifier; aud has Auth0's own userinfo endpoint besides if the client
// asked for openid.
//
// Its own format has no mark of its kind. What refuses an ID token is its aud, the
// client ID, which therefore is no audience to give here; IDToken is for that.
func Auth0(issuer, audience string) token.Options {
	rules := rulesOf(issuer, audience)
	rules.Required = []string{"sub"}
	return rules
}

// Keycloak returns the rules for access tokens of a realm of Keycloak, by their claim
// typ, which is Bearer; that of ID, refresh, offline and logout tokens is another. The
// typ of the header may be JWT or, by a setting of the client, at+jwt. aud has the
// audience only if a mapper of a client scope puts it there.
//
// Refused are tokens with typ DPoP, which are bound to a key of the client, since nobody
// asks for the proof; and lightweight access tokens, as long as they have no sub and no
// aud.
func Keycloak(issuer, audience string) token.Options {
	rules := rulesOf(issuer, audience)
	rules.Claims = map[string]string{"typ": "Bearer"}
	rules.Required = []string{"sub"}
	return rules
}

// CognitoAccessToken returns the rules for access tokens of an app client of an Amazon
// Cognito user pool: token_use is access, and the client is in client_id. There is no
// aud but in tokens that are bound to a resource, where it is not looked at.
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
// project, with auth_time. Session cookies have another issuer, and other keys; tokens of
// the emulator are not signed. Both are refused, and so are custom tokens, which are for
// logging in.
//
// Google signs these with RS256: jwks.Options.Algorithms can say so.
func Firebase(project string) token.Options {
	rules := IDToken("https://securetoken.google.com/"+project, project)
	rules.Required = append(rules.Required, "auth_time")
	return rules
}

// rulesOf returns what all profiles begin with: an issuer, an audience, and that the
// token is a bearer's, not bound to a key by cnf (RFC 7800, section 3.1).
func rulesOf(issuer, audience string) token.Options {
	return token.Options{Issuers: []string{issuer}, Audiences: []string{audience}, Absent: []string{"cnf"}}
}
