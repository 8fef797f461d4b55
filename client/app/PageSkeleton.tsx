import { Skeleton, VisuallyHidden } from '@mantine/core';

/** The shape of a page while it is on its way. */
export function PageSkeleton() {
  return (
    <div style={{ maxWidth: '72rem', margin: '0 auto', padding: '3rem 1.25rem' }}>
      <VisuallyHidden role="status">Loading</VisuallyHidden>
      <Skeleton height={34} width="min(18rem, 60%)" mb="sm" />
      <Skeleton height={16} width="min(28rem, 85%)" mb="xl" />
      <Skeleton height={220} radius="lg" />
    </div>
  );
}
