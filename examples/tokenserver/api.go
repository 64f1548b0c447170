package main

import "net/http"

// withUserID authenticates the request for the user in the path before it calls handle.
func (a *app) withUserID(handle func(http.ResponseWriter, *http.Request, string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		err := a.authenticate(r, id)
		if err == nil {
			err = handle(w, r, id)
		}
		if err != nil {
			a.fail(w, r, err)
		}
	}
}

// getUser answers with everything about a user except the token.
func (a *app) getUser(w http.ResponseWriter, r *http.Request, id string) error {
	u, err := a.store.user(r.Context(), id)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, u)
	return nil
}

// deleteUser starts the deletion of an account. RC takes 15 minutes; getUser shows the state, and answers 404 when the
// account is deleted.
func (a *app) deleteUser(w http.ResponseWriter, r *http.Request, id string) error {
	started, err := a.store.beginDeletion(r.Context(), id)
	if err != nil {
		return err
	}
	if started {
		a.deleter.notify()
	}
	u, err := a.store.user(r.Context(), id)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusAccepted, u)
	return nil
}
