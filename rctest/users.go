package rctest

import "time"

const maxDevelopmentUsers = 100

func userEndpoints() []endpoint {
	return []endpoint{
		{path: "/user/getToken.json", serve: (*state).register, rate: 200},
		{path: "/user/info.json", serve: (*state).info, rate: 100},
		{path: "/user/refresh.json", serve: (*state).refresh, rate: 100},
		{path: "/user/deactivate.json", serve: (*state).deactivate, rate: 100, perID: true},
		{path: "/user/deactivate/query.json", serve: (*state).queryDeactivated, rate: 100, optional: true},
		{path: "/user/reactivate.json", serve: (*state).reactivate, rate: 100, perID: true},
	}
}

func (s *state) register(p *params) (fields, *refusal) {
	id := p.userID()
	name, _ := p.name()
	if name == "" {
		p.refuse(codeParameter, "name is required")
	}
	portrait, hasPortrait := p.portraitURI()
	if p.refused != nil {
		return nil, p.refused
	}
	known := s.find(id, p.now)
	switch {
	case known != nil && known.deactivated:
		return nil, refuse(codeParameter, "userId is deactivated")
	case s.settings.development && s.registered >= maxDevelopmentUsers && (known == nil || !known.registered):
		return nil, refuse(codeUserLimit, "at most %d users in the development environment", maxDevelopmentUsers)
	}
	a := s.account(id, p.now)
	if !a.registered {
		s.registered++
		a.registered, a.createdAt = true, publicTime(p.now)
	}
	a.name = name
	if hasPortrait {
		a.portraitURI = portrait
	}
	return fields{"userId": id, "token": a.issueToken(p.now)}, nil
}

func (s *state) info(p *params) (fields, *refusal) {
	id := p.userID()
	if p.refused != nil {
		return nil, p.refused
	}
	a := s.find(id, p.now)
	if a == nil || !a.registered {
		return nil, refuse(codeParameter, "ParamError:data is not exist.")
	}
	return fields{"userName": a.name, "userPortrait": a.portraitURI, "createTime": a.createdAt.Format(time.DateTime)}, nil
}

func (s *state) refresh(p *params) (fields, *refusal) {
	id := p.userID()
	name, hasName := p.name()
	portrait, hasPortrait := p.portraitURI()
	if p.refused != nil {
		return nil, p.refused
	}
	a := s.find(id, p.now)
	if a == nil || !a.registered {
		return nil, nil
	}
	if hasName {
		a.name = name
	}
	if hasPortrait {
		a.portraitURI = portrait
	}
	return nil, nil
}
