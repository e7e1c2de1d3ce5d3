package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"socketiojwt/internal/wirejson"
)

// issuerChecks are those of each issuer, in the order in which they are told.
var issuerChecks = []func(*asked) []finding{
	metadataIsThere,
	metadataIsItsOwn,
	algorithmsAreSafe,
	setIsThere,
	keysAreUsable,
	keysAreNotLeaked,
	keysHaveIDs,
	idsAreUnique,
	setIsSmall,
	setIsFresh,
	answersAreFast,
	clocksAgree,
	certificatesLast,
}

// issuersAreWell runs the checks of each issuer.
func issuersAreWell(e *examination) (found []finding) {
	for _, a := range e.issuers {
		bad := false
		for _, check := range issuerChecks {
			for _, f := range check(a) {
				bad = bad || f.level == levelFail
				found = append(found, f)
			}
		}
		if a.err != nil && !bad { // whatever that is, it must not look well
			found = append(found, fail("Every token of this issuer is told to come again, until this is mended.",
				"there are no keys: %s", plain(a.err))...)
		}
	}
	return found
}

// metadataIsThere tells where the metadata was found.
func metadataIsThere(a *asked) []finding {
	switch {
	case a.metadata != nil:
		by := "OpenID Connect Discovery"
		if a.metadata.reply != a.replies[0] {
			by = "RFC 8414"
		}
		return ok("%s has its metadata at %s (%s), in %v", quoted(a.name), address(a.metadata.reply.asked), by, a.metadata.reply.took().Round(time.Millisecond))
	case len(a.replies) == 0:
		return fail("Give --issuer as the https address that stands in the iss of its tokens.", "%s cannot be asked for its keys: %s", a, plain(a.err))
	}
	var outcomes []string
	for _, reply := range a.replies {
		outcomes = append(outcomes, fmt.Sprintf("%s: %s", address(reply.asked), reply.outcome()))
	}
	return fail(wayAdvice(a.replies), "%s has no metadata that can be read: %s", quoted(a.name), strings.Join(outcomes, "; "))
}

// wayAdvice says what to do about answers that did not come.
func wayAdvice(replies []*reply) string {
	for _, reply := range replies {
		var untrusted *tls.CertificateVerificationError
		switch {
		case errors.As(reply.err, &untrusted):
			return "The issuer's certificate is not one that this machine trusts: mend it, or give its authority to the machine (SSL_CERT_FILE)."
		case reply.err != nil:
			return "Is the name right, and is the way there open (name service, firewall, HTTPS_PROXY)? Until it is, every token is told to come again."
		case reply.status >= 500:
			return "The issuer is in trouble itself, or what is in front of it is: ask again later. Until then every token is told to come again."
		case reply.elsewhere() != "":
			return "A redirect to another origin is not followed. Give --issuer as its tokens have it in iss: perhaps by the name it leads to."
		}
	}
	return "Is --issuer written as in the iss of its tokens, path included? If it has no metadata, get its key as a file and give --public-key."
}

// metadataIsItsOwn compares the issuer's name for itself with ours.
func metadataIsItsOwn(a *asked) []finding {
	if a.metadata == nil {
		return nil
	}
	theirs := a.metadata.Issuer
	switch {
	case !a.metadata.readable:
		return fail("Is that the address of an issuer, or of a page for people?", "its metadata is no JSON object as OpenID Connect Discovery has it")
	case theirs == a.name:
		return nil
	case theirs == "":
		return fail("Is that the address of an issuer?", "its metadata names no issuer")
	case strings.EqualFold(strings.TrimSuffix(theirs, "/"), strings.TrimSuffix(a.name, "/")):
		return fail(fmt.Sprintf("Give --issuer %q, to the letter.", theirs), "it calls itself %s, with another slash or other capitals than %s: every token is refused", quoted(theirs), quoted(a.name))
	}
	return fail(fmt.Sprintf("If that is who should be trusted, give --issuer %s.", quoted(theirs)), "its metadata is that of another issuer, %s", quoted(theirs))
}

// algorithmsAreSafe looks at how the issuer says it signs.
func algorithmsAreSafe(a *asked) []finding {
	var algorithms, unsafe []string
	if a.metadata == nil || wirejson.Unmarshal(a.metadata.Algorithms, &algorithms) != nil {
		return nil
	}
	for _, alg := range algorithms {
		if strings.EqualFold(alg, "none") || strings.HasPrefix(alg, "HS") {
			unsafe = append(unsafe, alg)
		}
	}
	if len(unsafe) == 0 {
		return nil
	}
	return warn("Switch that off at the issuer: other services may take such tokens. serve takes none of them, whatever the metadata says.",
		"the issuer says that it signs ID tokens by %s too, which is no signature that others could check", quoted(strings.Join(unsafe, ", ")))
}

// setIsThere tells where the key set is, or why it is not.
func setIsThere(a *asked) []finding {
	if a.metadata == nil || a.metadata.Issuer != a.name {
		return nil
	}
	u, err := url.Parse(a.metadata.JWKS)
	switch {
	case a.metadata.JWKS == "":
		return fail("Ask the issuer for its keys as a file, and give --public-key.", "its metadata does not say where its keys are (jwks_uri)")
	case err != nil || a.set == nil:
		return fail("Let the issuer give an https address.", "the address of its keys (jwks_uri, %s) cannot be used: %s", quoted(a.metadata.JWKS), plain(a.err))
	case a.set.err == nil && a.set.status >= 400 && a.set.status < 500:
		return fail("Tell the issuer's people: its metadata names an address where no keys are.", "its keys are not at %s: %s", address(u), a.set.outcome())
	case !a.set.complete():
		return fail(wayAdvice([]*reply{a.set}), "its keys are not at %s: %s", address(u), a.set.outcome())
	case a.unread:
		return fail("Let the issuer publish a JWK Set (RFC 7517, section 5) there.", "what is at %s is no JWK Set", address(u))
	case u.Host != a.metadata.reply.asked.Host:
		return ok("its keys are on another host, at %s; that is as the issuer wants it", address(u))
	}
	return ok("its keys are at %s", address(u))
}

// setIsFresh tells how often the keys are fetched (RFC 9111, section 5.2.2).
func setIsFresh(a *asked) []finding {
	if len(a.keys) == 0 {
		return nil
	}
	control := strings.ToLower(strings.Join(a.set.header.Values("Cache-Control"), ","))
	_, value, said := strings.Cut(control, "max-age=")
	digits := strings.Trim(value, `"`)
	if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = digits[:end]
	}
	seconds, err := strconv.Atoi(digits)
	switch {
	case strings.Contains(control, "no-store") || strings.Contains(control, "no-cache"):
		return ok("the issuer wants no caching: its keys are fetched once a minute, by each server")
	case !said || err != nil:
		return ok("the issuer does not say how long its keys are good (Cache-Control): they are fetched each hour, and when a new one shows up")
	case seconds < 60:
		return ok("its keys are good for %d s: they are fetched once a minute, by each server", seconds)
	case seconds > 24*60*60:
		return ok("its keys are good for %s, it says; they are fetched each day, and when a new one shows up", length(time.Duration(min(seconds, 1<<31))*time.Second))
	}
	return ok("its keys are good for %s, and fetched again then, or when a new one shows up", length(time.Duration(seconds)*time.Second))
}

// answersAreFast looks at whether all comes in the time that serve waits.
func answersAreFast(a *asked) []finding {
	const most = 5 * time.Second // jwks.Options.Timeout
	var all time.Duration
	for _, reply := range a.replies {
		all += reply.took()
	}
	switch {
	case a.err != nil || all <= most/2:
		return nil
	case all <= most:
		return warn("Look at what is slow on the way.", "finding the keys took %v; serve gives up after %v", all.Round(time.Millisecond), most)
	}
	return fail("Look at what is slow on the way.", "finding the keys took %v; serve gives up after %v", all.Round(time.Millisecond), most)
}

// clocksAgree compares the issuer's clock with ours, by the answer whose Date is the
// nearest: others may have come out of a cache.
func clocksAgree(a *asked) []finding {
	var apart []time.Duration
	for _, reply := range a.replies {
		if date, err := http.ParseTime(reply.header.Get("Date")); err == nil {
			age, _ := strconv.Atoi(reply.header.Get("Age")) // 0 when there is none
			apart = append(apart, ahead(reply.sent, reply.received, date.Add(time.Duration(min(max(age, 0), 1<<31))*time.Second)))
		}
	}
	if len(apart) == 0 {
		return nil
	}
	least := slices.MinFunc(apart, func(a, b time.Duration) int { return int(a.Abs() - b.Abs()) })
	words := "ahead of"
	if least < 0 {
		words = "behind"
	}
	const advice = "Let both clocks be set by NTP: tokens begin and end by them."
	text := fmt.Sprintf("the clock here is %s %s the issuer's", length(least.Abs()), words)
	switch {
	case least.Abs() > a.leeway:
		return fail(advice, "%s, more than the leeway of %v: good tokens are refused", text, a.leeway)
	case least.Abs() > a.leeway/2:
		return warn(advice, "%s; the leeway is %v", text, a.leeway)
	}
	return ok("its clock and ours agree")
}

// ahead returns how far our clock, which showed sent and received, is ahead of one that
// showed date between the two, at the least. A Date has no parts of seconds.
func ahead(sent, received, date time.Time) time.Duration {
	switch next := date.Add(time.Second); {
	case received.Before(date):
		return received.Sub(date)
	case sent.After(next):
		return sent.Sub(next)
	}
	return 0
}

// certificatesLast looks at when the issuer's certificates end.
func certificatesLast(a *asked) []finding {
	const soon = 14 * 24 * time.Hour
	for _, reply := range a.replies {
		if c := reply.certificate; c != nil && c.NotAfter.Sub(a.now) < soon {
			return warn("Let it be renewed: afterwards no keys can be fetched, and tokens are told to come again.",
				"the certificate of %s ends %s", quoted(reply.from.Host), distance(c.NotAfter, a.now))
		}
	}
	return nil
}
