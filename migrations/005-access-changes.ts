import { type Kysely, sql } from 'kysely';

/**
 * What changed of shares and revocations lately, so that several instances can keep up with each other, whoever changed it.
 * A change is dated by its transaction: all that is older than the oldest that is still open can be counted on to be seen.
 */
// biome-ignore lint/suspicious/noExplicitAny: a migration is frozen in time and knows no later schema
export async function up(db: Kysely<any>): Promise<void> {
  await sql`
    CREATE TABLE access_changes (
      xid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
      kind       text COLLATE "C" NOT NULL CHECK (kind IN ('share', 'token')),
      fleet      text COLLATE "C" NOT NULL,
      key        text COLLATE "C" NOT NULL,
      changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`.execute(db);
  await sql`COMMENT ON COLUMN access_changes.key IS 'id of the share, or jti of the token'`.execute(db);
  await sql`CREATE INDEX access_changes_xid ON access_changes (xid)`.execute(db);
  await sql`ALTER TABLE access_changes ENABLE ROW LEVEL SECURITY`.execute(db);
  await sql`
    CREATE POLICY one_fleet ON access_changes
    USING ((SELECT current_user) <> 'nearcast_fleet' OR fleet = (SELECT current_setting('nearcast.fleet', true)))`.execute(
    db,
  );
  // Whoever changes a row by hand may have another search path.
  await sql`
    CREATE FUNCTION note_access_change() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
      IF TG_TABLE_NAME = 'revocations' THEN
        INSERT INTO access_changes (kind, fleet, key) VALUES ('token', NEW.fleet, NEW.token_id);
      ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO access_changes (kind, fleet, key) VALUES ('share', OLD.fleet, OLD.id);
      ELSE
        INSERT INTO access_changes (kind, fleet, key) VALUES ('share', NEW.fleet, NEW.id);
      END IF;
      RETURN NULL;
    END $$`.execute(db);
  await sql`
    CREATE TRIGGER noted AFTER INSERT ON shares
    FOR EACH ROW EXECUTE FUNCTION note_access_change()`.execute(db);
  // That one is gone which ended by itself is no news.
  await sql`
    CREATE TRIGGER noted_gone AFTER DELETE ON shares
    FOR EACH ROW WHEN (OLD.expires_at > now()) EXECUTE FUNCTION note_access_change()`.execute(db);
  await sql`
    CREATE TRIGGER noted AFTER INSERT OR UPDATE ON revocations
    FOR EACH ROW EXECUTE FUNCTION note_access_change()`.execute(db);
  await sql`CREATE INDEX shares_fleet_subject ON shares (fleet, subject)`.execute(db);
  // Volatile, as it is by default: so its second statement sees what was committed while the first waited.
  await sql`
    CREATE FUNCTION other_shares(of_fleet text, of_subject text, but_id text, at timestamptz) RETURNS bigint
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
    BEGIN
      PERFORM pg_advisory_xact_lock(hashtext(of_fleet), hashtext(of_subject));
      RETURN (SELECT count(*) FROM shares
        WHERE fleet = of_fleet AND subject = of_subject AND id <> but_id AND expires_at > at);
    END $$`.execute(db);
  await sql`
    COMMENT ON FUNCTION other_shares IS
      'How many live shares a subject has beside one; it has none more until the transaction is over'`.execute(db);
}

// biome-ignore lint/suspicious/noExplicitAny: as above
export async function down(db: Kysely<any>): Promise<void> {
  await sql`DROP FUNCTION other_shares`.execute(db);
  await sql`DROP INDEX shares_fleet_subject`.execute(db);
  await sql`DROP TRIGGER noted ON revocations`.execute(db);
  await sql`DROP TRIGGER noted_gone ON shares`.execute(db);
  await sql`DROP TRIGGER noted ON shares`.execute(db);
  await sql`DROP FUNCTION note_access_change`.execute(db);
  await db.schema.dropTable('access_changes').execute();
}
