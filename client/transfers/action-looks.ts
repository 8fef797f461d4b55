import {
  IconArrowsDiff,
  IconCirclePlus,
  IconPlayerSkipForward,
  IconReplace,
  IconTrash,
  IconUpload,
} from '@tabler/icons-react';
import type { Action } from './words.ts';

/** How what is planned for an object looks, in a plan's totals and on its row. */
export const actionLooks = {
  WRITE: { tone: 'info', icon: IconUpload },
  ADD: { tone: 'good', icon: IconCirclePlus },
  REPLACE: { tone: 'warn', icon: IconReplace },
  SKIP: { tone: 'neutral', icon: IconPlayerSkipForward },
  DELETE: { tone: 'bad', icon: IconTrash },
  COMPARE: { tone: 'info', icon: IconArrowsDiff },
} as const satisfies Record<Action, object>;
