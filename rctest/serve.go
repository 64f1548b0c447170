package rctest

// serve handles a request whose body was read, whether it came over a socket or in memory. The caller must not send the
// reply if the fault is one without an answer. The lock is held only while the state is read or changed.
func (s *Server) serve(in *received) *reply {
	r := newRequest(in)
	s.state.mu.Lock()
	out, refused := s.respond(in)
	if refused != nil {
		r.Reason = refused.reason
	}
	r.Applied = in.fault.appliesCall() && refused == nil
	if !in.fault.hasNoAnswer() {
		r.Code, r.Status = out.code, out.status
	}
	s.state.record(r, r.size(in.formSize()))
	s.state.mu.Unlock()
	out.finish(in)
	return out
}

// respond applies the call unless the fault prevents it, and returns why it was or would have been refused.
func (s *Server) respond(in *received) (out *reply, refused *refusal) {
	if !in.fault.appliesCall() {
		return newFaultReply(in), in.refused
	}
	found, refused := s.apply(in)
	if in.fault.replacesAnswer() {
		return newFaultReply(in), refused
	}
	return newReply(in, found, refused), refused
}

// apply checks a request and calls the endpoint's handler.
func (s *Server) apply(in *received) (fields, *refusal) {
	refused := in.refused
	if refused == nil && s.settings.enforceRates {
		refused = s.state.checkRate(in)
	}
	if refused == nil {
		refused = s.checkForm(in)
	}
	if refused != nil {
		return nil, refused
	}
	p := &params{values: in.form, now: s.state.runDue(), fault: &in.fault, strict: s.settings.strict}
	found, refused := in.endpoint.handle(s.state, p)
	if refused != nil && in.bom {
		refused.reason += " (the body begins with a byte order mark, which is part of the first field's name)"
	}
	return found, refused
}
