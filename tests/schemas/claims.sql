-- Another style than the reference schema's: a user's claims in one JSON setting, membership functions in a schema of
-- their own, and the constraints and types that defeat naive seeding.
CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO web_user;
CREATE TYPE plan AS ENUM ('free', 'paid');
CREATE DOMAIN percent AS int CHECK (VALUE BETWEEN 0 AND 100);

CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT (NULLIF(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;

CREATE TABLE countries (code char(2) PRIMARY KEY, name text NOT NULL);
GRANT SELECT ON countries TO web_user;

CREATE TABLE people (
    id      uuid PRIMARY KEY,
    email   text NOT NULL CHECK (email LIKE '%@%.%'),
    country char(2) NOT NULL REFERENCES countries
);
CREATE TABLE teams (
    id       uuid PRIMARY KEY,
    name     varchar(12) NOT NULL,
    plan     plan NOT NULL,
    discount percent NOT NULL,
    lead     uuid NOT NULL
);
CREATE TABLE members (
    team_id   uuid NOT NULL REFERENCES teams DEFERRABLE INITIALLY DEFERRED,
    person_id uuid NOT NULL REFERENCES people,
    since     date NOT NULL CHECK (since > '2020-01-01'),
    PRIMARY KEY (team_id, person_id)
);
-- A cycle: a team's lead is one of its members.
ALTER TABLE teams ADD FOREIGN KEY (id, lead) REFERENCES members (team_id, person_id);

CREATE FUNCTION auth.teams() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$ SELECT team_id FROM public.members WHERE person_id = auth.uid() $$;

CREATE TABLE rooms (
    team_id uuid NOT NULL REFERENCES teams ON DELETE CASCADE,
    id      int GENERATED ALWAYS AS IDENTITY,
    parent  int,
    label   text NOT NULL CHECK (length(label) BETWEEN 3 AND 40),
    upper   text GENERATED ALWAYS AS (upper(label)) STORED,
    kind    text NOT NULL CHECK (kind IN ('small', 'large')),
    seats   smallint NOT NULL CHECK (seats > 0 AND seats < 20),
    tags    text[] NOT NULL,
    extra   jsonb NOT NULL,
    PRIMARY KEY (team_id, id),
    FOREIGN KEY (team_id, parent) REFERENCES rooms (team_id, id)
);
CREATE TABLE bookings (
    team_id uuid NOT NULL,
    room_id int NOT NULL,
    during  tstzrange NOT NULL,
    price   numeric(6, 2) NOT NULL CHECK (price >= 0),
    photo   bytea,
    origin  inet,
    EXCLUDE USING gist (during WITH &&),
    FOREIGN KEY (team_id, room_id) REFERENCES rooms (team_id, id)
);
CREATE TABLE readings (
    team_id uuid NOT NULL REFERENCES teams,
    at      date NOT NULL,
    value   double precision NOT NULL,
    note    text
) PARTITION BY RANGE (at);
CREATE TABLE readings_2025 PARTITION OF readings FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.note = '' THEN RAISE EXCEPTION 'a note must not be empty'; END IF; RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE INSERT ON readings FOR EACH ROW EXECUTE FUNCTION touch();

ALTER TABLE people ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON people USING (id = auth.uid());
ALTER TABLE teams ENABLE ROW LEVEL SECURITY;
CREATE POLICY member ON teams USING (id IN (SELECT auth.teams()));
ALTER TABLE members ENABLE ROW LEVEL SECURITY;
CREATE POLICY member ON members FOR SELECT USING (team_id IN (SELECT auth.teams()));
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['rooms', 'bookings', 'readings'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY member ON %I USING (team_id IN (SELECT auth.teams()))', name);
    END LOOP;
END $$;
GRANT SELECT ON people, teams, members TO web_user;
GRANT SELECT, INSERT, UPDATE, DELETE ON rooms, bookings, readings TO web_user;
