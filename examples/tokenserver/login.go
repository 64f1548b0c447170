package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/f0207b22/rcuser"
)

// loginTimeout limits the wait for RC's answers to a login. It is less than [requestTimeout], so that a shutdown doesn't
// interrupt a login whose request was read.
const loginTimeout = 8 * time.Second

const maxPortraitBytes = 1024 // RC's limit

type loginRequest struct {
	UserID      string `json:"userId"`
	Name        string `json:"name"`        // "" keeps the stored name; a new user gets the ID as the name
	PortraitURI string `json:"portraitUri"` // "" keeps the portrait that RC has
	Refresh     bool   `json:"refresh"`     // RC no longer accepts the stored token
}

type loginAnswer struct {
	UserID string `json:"userId"`
	Token  string `json:"token"`
}

// validID allows only characters that RC documents and that need no escaping. A user whose id has a comma couldn't be
// deactivated.
var validID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (in loginRequest) check() error {
	if !validID.MatchString(in.UserID) {
		return badRequest("userId must be 1 to 64 letters, digits, - or _")
	}
	if in.Name != "" {
		if err := checkName(in.Name); err != nil {
			return err
		}
	}
	return checkPortrait(in.PortraitURI)
}

// checkPortrait lets through what the apps of other users can load. They get it from RC, so that any other text, such as a
// javascript: or file: URI, would be one user's way into the apps of the others.
func checkPortrait(uri string) error {
	if len(uri) > maxPortraitBytes {
		return badRequest(fmt.Sprintf("portraitUri must have at most %d bytes, it has %d", maxPortraitBytes, len(uri)))
	}
	if uri == "" {
		return nil
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || strings.ContainsFunc(uri, isForbidden) {
		return badRequest("portraitUri must be an https or http URL")
	}
	return nil
}

func checkName(name string) error {
	if problem := nameProblem(name); problem != "" {
		return badRequest("name " + problem)
	}
	return nil
}

// login answers with the stored token of the user, or with a new one from RC. A name or a portrait that differs from the
// stored one is sent to RC first.
func (a *app) login(w http.ResponseWriter, r *http.Request) {
	var in loginRequest
	err := readJSON(w, r, &in)
	if err == nil {
		err = a.authenticate(r, in.UserID)
	}
	if err == nil {
		err = in.check()
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	// Only identical requests share a call: a refresh must not get the stored token that a login got.
	token, err, _ := a.logins.Do(fmt.Sprintf("%#v", in), func() (any, error) {
		// The call outlives the request that started it, because others may share it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), loginTimeout)
		defer cancel()
		unlock, err := a.users.lock(ctx, in.UserID)
		if err != nil {
			return "", errLoginBusy
		}
		defer unlock()
		return a.token(ctx, in)
	})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, loginAnswer{in.UserID, token.(string)})
}

// token asks RC only if there is no stored token that is still valid, or if RC may have another name or portrait. If the
// program crashes before it has saved RC's answer, the next login asks RC again, which is harmless.
//
// The caller holds the lock of the user: of two logins with different names, the one that RC gets last must also be stored
// last.
func (a *app) token(ctx context.Context, in loginRequest) (string, error) {
	u, err := a.store.user(ctx, in.UserID)
	switch {
	case errors.Is(err, errNoUser):
		in.Name = cmp.Or(in.Name, in.UserID)
		return a.register(ctx, in, a.store.addUser)
	case err != nil:
		return "", err
	case u.State == deleteFailed:
		return "", errDeleteFailed
	case u.State != active:
		return "", errDeleting
	}
	in.Name = cmp.Or(in.Name, u.Name)
	if err := checkName(in.Name); err != nil { // a name from before names were checked
		return "", err
	}
	current := u.hasProfile(in)
	if !current {
		if err := a.store.forgetProfile(ctx, in.UserID); err != nil {
			return "", err
		}
	}
	switch {
	case in.Refresh || !a.isUsable(u):
		return a.register(ctx, in, a.store.saveToken)
	case !current:
		return a.updateProfile(ctx, in, u.token)
	}
	return u.token, nil
}

// hasProfile reports whether RC is known to have the name and the portrait of a login.
func (u user) hasProfile(in loginRequest) bool {
	return u.profileSent && u.Name == in.Name && (in.PortraitURI == "" || u.portrait == in.PortraitURI)
}

// isUsable reports whether RC still accepts the stored token, as far as the database can tell. If the clock was set back
// since the token was stored, its age isn't known: it may have expired.
func (a *app) isUsable(u user) bool {
	if u.token == "" || a.tokenTTL == 0 {
		return u.token != ""
	}
	age := a.now().Sub(u.TokenIssuedAt)
	return age >= 0 && age < a.tokenTTL
}

// register gets a new token from RC and saves it with the profile that was sent.
func (a *app) register(ctx context.Context, in loginRequest, save func(context.Context, loginRequest, string, time.Time) error) (string, error) {
	issuedAt := a.now() // before the call, so that the token never counts as newer than it is
	token, err := a.client.Users.Register(ctx, rcuser.Registration{UserID: in.UserID, Name: in.Name, PortraitURI: in.PortraitURI})
	switch {
	case errors.Is(err, rcuser.ErrParameter):
		return "", a.explainRefusal(ctx, in.UserID, err)
	case err != nil:
		return "", err
	}
	return token.Value, save(ctx, in, token.Value, issuedAt)
}

// updateProfile sends a new name or portrait to RC, which every user keeps who has a token that is still valid. If RC
// doesn't confirm it, the login fails: whoever gets a token can rely on the name.
func (a *app) updateProfile(ctx context.Context, in loginRequest, token string) (string, error) {
	update := rcuser.UserUpdate{Name: &in.Name}
	if in.PortraitURI != "" {
		update.PortraitURI = &in.PortraitURI
	}
	switch err := a.client.Users.Update(ctx, in.UserID, update); {
	case errors.Is(err, rcuser.ErrParameter): // RC doesn't have the user any more; a registration mends that, or is refused
		return a.register(ctx, in, a.store.saveToken)
	case err != nil:
		return "", err
	}
	return token, a.store.saveProfile(ctx, in)
}

// explainRefusal returns errClosed if RC refused a registration because the account is deactivated. RC documents no code for
// that, and uses the one it was seen to use for other reasons too. So the answer comes from the deactivations that this
// program has seen, or else from RC's list, read for as long as ctx allows. Otherwise it returns the refusal.
func (a *app) explainRefusal(ctx context.Context, id string, refusal error) error {
	closed, err := a.store.isClosed(ctx, id)
	if err != nil {
		return err
	}
	if closed {
		return errors.Join(errClosed, a.store.clearToken(ctx, id))
	}
	for other, err := range a.client.Users.AllDeactivated(ctx) {
		if err != nil {
			return errors.Join(refusal, err)
		}
		if other == id {
			return errors.Join(errClosed, a.store.clearToken(ctx, id), a.store.PutDeactivated(ctx, []string{id}, time.Now()))
		}
	}
	return refusal
}
