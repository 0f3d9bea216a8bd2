import type { FastifyReply } from 'fastify';
import { expect, test } from 'vitest';
import { OpenDoors } from '../../src/auth/open-doors.ts';
import { claimsSchema, Principal } from '../../src/auth/principal.ts';
import { Limited } from '../../src/delivery/limited.ts';
import { Quota } from '../../src/delivery/quota.ts';
import { takeSeat } from '../../src/http/seat.ts';

const reply = { header() {} } as unknown as FastifyReply;

test('a place that is refused or left is free again, and a place that was left is closed no more', () => {
  let isRevoked = false;
  let closed = 0;
  const doors = new OpenDoors(() => isRevoked);
  const quota = new Quota({ connections: 1, subscriptions: 10 }, new Limited());
  const principal = new Principal(claimsSchema.parse({ sub: 'anna', jti: 'j', exp: 4e9 }));
  const take = () => takeSeat({ quota, doors }, principal, reply, () => closed++);
  const leave = take();
  expect(take).toThrow(/at most 1 connections/);
  leave();
  isRevoked = true;
  for (let i = 0; i < 3; i++) expect(take).toThrow(/was revoked/);
  expect(quota.subjects).toBe(0);
  isRevoked = false;
  const leaveAgain = take();
  doors.closeToken('default', 'j');
  leaveAgain();
  doors.closeToken('default', 'j');
  expect([closed, quota.subjects]).toEqual([1, 0]);
});
