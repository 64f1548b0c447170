package systemtest

import (
	"net/http"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// FaultCase is a fault, and how a call must end that gets it in every attempt.
type FaultCase struct {
	Name     string
	Fault    rctest.Fault
	Attempts int              // of the failed call; 0 = the call succeeds despite the fault
	TwoHosts int              // Attempts with two hosts, if that differs
	Outcome  rcuser.Outcome   // of the failed call
	Code     rcuser.ErrorCode // of its error
	Status   int              // of its error
	Moves    bool             // the client tries the data center's other host
}

// FaultCases are the faults that the matrix gives to every endpoint.
var FaultCases = []FaultCase{
	{"1000", rctest.Fault{Code: 1000}, 3, 0, rcuser.Unknown, rcuser.ErrInternal, 500, true},
	{"1050", rctest.Fault{Code: 1050}, 3, 0, rcuser.Unknown, rcuser.ErrTimeout, 504, true},
	{"1000 applied", rctest.Fault{Code: 1000, Applied: true}, 3, 0, rcuser.Unknown, rcuser.ErrInternal, 500, true},
	{"1008", rctest.Fault{Code: 1008}, 3, 0, rcuser.NotApplied, rcuser.ErrRateLimited, 429, false},
	{"1008 after 3 s", rctest.Fault{Code: 1008, RetryAfter: "3"}, 3, 0, rcuser.NotApplied, rcuser.ErrRateLimited, 429, false},
	{"1008 after 60 s", rctest.Fault{Code: 1008, RetryAfter: "60"}, 1, 0, rcuser.NotApplied, rcuser.ErrRateLimited, 429, false},
	{"1001", rctest.Fault{Code: 1001}, 1, 0, rcuser.NotApplied, rcuser.ErrAppSecret, 401, false},
	{"1002", rctest.Fault{Code: 1002}, 1, 0, rcuser.NotApplied, rcuser.ErrParameter, 400, false},
	{"1004", rctest.Fault{Code: 1004}, 1, 0, rcuser.NotApplied, rcuser.ErrSignature, 401, false},
	{"1009", rctest.Fault{Code: 1009}, 1, 0, rcuser.NotApplied, rcuser.ErrNotEnabled, 430, false},
	{"2007", rctest.Fault{Code: 2007}, 1, 0, rcuser.NotApplied, rcuser.ErrUserLimit, 403, false},
	{"unknown code", rctest.Fault{Code: 1234, Status: 200}, 1, 0, rcuser.NotApplied, 1234, 200, false},
	{"429 without a code", rctest.Fault{Status: 429, Body: "slow down"}, 3, 0, rcuser.NotApplied, rcuser.ErrRateLimited, 429, false},
	{"401 page", rctest.Fault{Status: 401, Body: "<html>"}, 3, 0, rcuser.NotApplied, 0, 401, true},
	{"403 page", rctest.Fault{Status: 403, Body: "<html>"}, 3, 0, rcuser.NotApplied, 0, 403, true},
	{"404 page", rctest.Fault{Status: 404, Body: "<html>"}, 3, 0, rcuser.NotApplied, 0, 404, true},
	{"407", rctest.Fault{Status: 407}, 3, 0, rcuser.NotApplied, 0, 407, true},
	{"408", rctest.Fault{Status: 408}, 3, 0, rcuser.Unknown, 0, 408, true},
	{"421", rctest.Fault{Status: 421}, 3, 0, rcuser.NotApplied, 0, 421, true},
	{"425", rctest.Fault{Status: 425}, 3, 0, rcuser.NotApplied, 0, 425, true},
	{"cut refusal", rctest.Fault{Code: 1002, Kind: rctest.Cut}, 3, 0, rcuser.Unknown, 0, 400, true},
	{"BOM", rctest.Fault{Status: 400, Body: "\ufeff{\"code\":1002}"}, 1, 0, rcuser.NotApplied, rcuser.ErrParameter, 400, false},
	{"redirect", redirect, 1, 0, rcuser.NotApplied, 0, 307, false},
	{"502 page", rctest.Fault{Status: 502, Body: "<html>bad gateway"}, 3, 0, rcuser.Unknown, 0, 502, true},
	{"503 after 3 s", rctest.Fault{Status: 503, RetryAfter: "3"}, 3, 0, rcuser.Unknown, 0, 503, true},
	{"503 after 60 s", rctest.Fault{Status: 503, RetryAfter: "60"}, 1, 2, rcuser.Unknown, 0, 503, true},
	{"empty 503", rctest.Fault{Status: 503}, 3, 0, rcuser.Unknown, 0, 503, true},
	{"success under 500", rctest.Fault{Status: 500, Code: 200}, 3, 0, rcuser.Unknown, 0, 500, true},
	{"200 page", rctest.Fault{Status: 200, Body: "<html>"}, 3, 0, rcuser.Unknown, 0, 200, true},
	{"empty 200", rctest.Fault{Status: 200}, 3, 0, rcuser.Unknown, 0, 200, true},
	{"oversized", rctest.Fault{BodySize: 4<<20 + 1}, 3, 0, rcuser.Unknown, 0, 200, true},
	{"cut", rctest.Fault{Kind: rctest.Cut}, 3, 0, rcuser.Unknown, 0, 200, true},
	{"wrong length", rctest.Fault{Kind: rctest.WrongLength}, 3, 0, rcuser.Unknown, 0, 200, true},
	{"hang", rctest.Fault{Kind: rctest.Hang}, 3, 0, rcuser.Unknown, 0, 0, true},
	{"hang applied", rctest.Fault{Kind: rctest.Hang, Applied: true}, 3, 0, rcuser.Unknown, 0, 0, true},
	{"refused", rctest.Fault{Kind: rctest.RefuseConnection}, 3, 0, rcuser.NotApplied, 0, 0, true},
	{"reset", rctest.Fault{Kind: rctest.ResetBefore}, 3, 0, rcuser.Unknown, 0, 0, true},
	{"answer lost", rctest.Fault{Kind: rctest.LostAnswer}, 3, 0, rcuser.Unknown, 0, 0, true},
	{"slow headers", rctest.Fault{HeaderDelay: 4 * time.Second}, 0, 0, 0, 0, 0, false},
	{"slow body", rctest.Fault{BodyDelay: 4 * time.Second}, 0, 0, 0, 0, 0, false},
	{"too slow headers", rctest.Fault{HeaderDelay: 6 * time.Second}, 3, 0, rcuser.Unknown, 0, 0, true},
	{"too slow body", rctest.Fault{BodyDelay: 6 * time.Second}, 3, 0, rcuser.Unknown, 0, 200, true},
	{"wrong clock", rctest.Fault{ClockOffset: 10 * time.Minute}, 0, 0, 0, 0, 0, false},
}

var redirect = rctest.Fault{Status: 307, Header: http.Header{"Location": {"https://evil.example.com/"}}}
