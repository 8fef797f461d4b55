/**
 * Partition of AWS that a host name below amazonaws.com belongs to: `aws`, `aws-cn`, `aws-us-gov` and so on; null for other
 * names. Buckets are named once for a whole partition, and nothing passes from one to another ("Buckets overview",
 * "Partitions" of the IAM user guide).
 */
export function awsPartition(hostname: string): string | null {
  if (!/(^|\.)amazonaws\.com(\.cn)?$/.test(hostname)) return null;
  const special = /[.-](cn|us-gov|us-iso[a-z]*)-[a-z0-9-]+\./.exec(hostname)?.[1];
  return special === undefined ? 'aws' : `aws-${special}`;
}

/** Host name of S3 in a region of AWS. */
export function awsHost(region: string): string {
  return `s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}
