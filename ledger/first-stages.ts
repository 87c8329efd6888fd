/**
 * A subquery for a LATERAL join: the legs and channels of the stages that begin at once, at least one.
 * @param route a row of `routes`, which may be missing
 * @param recipient a row with the columns `email`, `phone` and `address_channels`
 * @param channel the channel of deliveries without a route
 */
export const firstStages = (route: string, recipient: string, channel: string) => {
  const chooseFrom = (via: string) =>
    `first_channel(${via}, ${recipient}.email, ${recipient}.phone, ${recipient}.address_channels)`;
  return `(
    SELECT 'primary' AS leg, CASE WHEN ${route}.id IS NULL THEN ${channel} ELSE ${chooseFrom(`${route}.document #> '{stages,0,via}'`)} END AS channel
    UNION ALL
    SELECT 'stage:' || (s.place - 1), ${chooseFrom("s.stage->'via'")}
    FROM jsonb_array_elements(${route}.document->'stages') WITH ORDINALITY AS s(stage, place) WHERE s.place > 1 AND NOT s.stage ? 'after'
  )`;
};
