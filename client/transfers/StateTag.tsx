import {
  IconAlertTriangle,
  IconBan,
  IconCalendarTime,
  IconChecklist,
  IconCircleCheck,
  IconCircleX,
  IconHourglass,
  IconListSearch,
  IconPlayerPause,
  IconShip,
} from '@tabler/icons-react';
import { Tag } from '../ui/Tag.tsx';
import { type Progress, stateText, type TransferState } from './progress.ts';
import type { Mode } from './words.ts';

const looks = {
  SCHEDULED: { tone: 'neutral', icon: IconCalendarTime },
  QUEUED: { tone: 'neutral', icon: IconHourglass },
  PLANNING: { tone: 'info', icon: IconListSearch },
  AWAITING_APPROVAL: { tone: 'warn', icon: IconChecklist },
  RUNNING: { tone: 'info', icon: IconShip },
  PAUSED: { tone: 'warn', icon: IconPlayerPause },
  COMPLETED: { tone: 'good', icon: IconCircleCheck },
  COMPLETED_WITH_ERRORS: { tone: 'warn', icon: IconAlertTriangle },
  FAILED: { tone: 'bad', icon: IconCircleX },
  CANCELLED: { tone: 'neutral', icon: IconBan },
} as const satisfies Record<TransferState, object>;

/** A transfer's state in words, with its sign. */
export function StateTag({ progress, mode }: { progress: Progress; mode: Mode }) {
  const { tone, icon } = looks[progress.state];
  return (
    <Tag tone={tone} icon={icon}>
      {stateText(progress, mode)}
    </Tag>
  );
}
