package doctor

import (
	"net/netip"
	"slices"
)

// operatorsAreCovered checks who can reach the API of operators, which is always plain HTTP.
func operatorsAreCovered(e *examination) []Finding {
	if e.Operators == nil {
		return nil
	}
	const advice = "Listen on localhost:9001, and let operators come through a tunnel or a reverse proxy with TLS."
	addr := quoted(e.Operators.Addr)
	elsewhere := func(ip netip.Addr) bool { return !ip.IsLoopback() }
	switch {
	case e.Operators.Err != nil:
		return fail("Give --admin as HOST:PORT, with a host that resolves to an address of this machine.", "%s", Plain(e.Operators.Err))
	case len(e.Operators.Addresses) == 0:
		return warn(advice, "serve answers operators at --admin %s on all addresses, without TLS: anyone on the network path can take their tokens, and anyone who can reach it can try others", addr)
	case slices.ContainsFunc(e.Operators.Addresses, elsewhere):
		return warn(advice, "serve answers operators at --admin %s, where other machines can reach it, without TLS: anyone on the network path can take their tokens", addr)
	}
	return ok("serve answers operators on %s, which only this machine can reach", addr)
}

// operatorSecretIsGood checks the secret that signs the tokens of operators.
func operatorSecretIsGood(e *examination) []Finding {
	switch {
	case e.Operators == nil || e.Operators.Secret == "":
		return nil
	case e.Secret != nil && *e.Secret == e.Operators.Secret:
		return warn("Make another one: openssl rand -hex 32", "the secret of operators is also that of the tokens of users: their issuer, and anyone who finds the secret, can sign as an operator")
	}
	return guessable("the secret of operators", e.Operators.Secret,
		"Anyone who has one token of an operator can try secrets until one fits, and then sign as any operator. Make a random one: openssl rand -hex 32")
}
